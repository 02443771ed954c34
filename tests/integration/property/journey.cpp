#include "integration/property/journey.h"

#include <fmt/format.h>

#include <atomic>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/retry.h"
#include "integration/property/comparison.h"
#include "integration/property/writers.h"
#include "sync/catalogue.h"
#include "sync/compare.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "sync/selection.h"
#include "sync/spelling.h"
#include "sync/verify.h"

namespace crossover::test::property {
namespace {

using sync::Direction;
using sync::Side;

/// A failed expectation of the test itself, as opposed to an error of the engine.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void expect_nothing(const std::string& what, std::string_view when) {
  if (!what.empty()) {
    throw Failure(fmt::format("{}: {}", when, what));
  }
}

/// Ends our own sessions at a moment of the step that runs meanwhile.
class Nuisance {
 public:
  Nuisance(Site& site, const Fault& fault, Side source) {
    if (fault.where == Fault::Where::nowhere) {
      return;
    }
    for (const Side side : {source, sync::other(source)}) {
      const bool at_source = side == source;
      if (fault.where == Fault::Where::both || (fault.where == Fault::Where::source) == at_source) {
        sessions_.push_back(site.server(side).connect(site.database()));
      }
    }
    thread_ = std::thread([this, fault] {
      std::this_thread::sleep_for(std::chrono::microseconds(fault.after_microseconds));
      for (postgres::Session& session : sessions_) {
        session.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            "current_database() AND application_name LIKE 'crossover test %'");
      }
    });
  }
  ~Nuisance() { wait(); }
  Nuisance(const Nuisance&) = delete;
  Nuisance& operator=(const Nuisance&) = delete;

  bool armed() const { return !sessions_.empty(); }
  void wait() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

 private:
  std::vector<postgres::Session> sessions_;
  std::thread thread_;
};

/// What the end of a session looks like to the step that used it.
bool is_broken_session(const Error& error) {
  return error.sqlstate().starts_with("08") || error.sqlstate().starts_with("57P") ||
         error.kind() == ErrorKind::cancelled;
}

class Journey {
 public:
  Journey(const Case& what, Site& site)
      : case_(what),
        site_(site),
        databases_(site.databases()),
        writers_(what.writers, site.database(), what.pause) {}

  void run() {
    prepare();
    attempt(case_.install_fault, [this] { install(Direction::forward); });
    attempt(case_.copy_fault, [this] { copy(); });
    for (const Step& step : case_.steps) {
      perform(step);
      expect_nothing(writers_.failure(), "a writer failed");
    }
    finish();
  }

  /// Transactions that were counted and acknowledged until the databases were last compared.
  std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  void prepare() {
    postgres::Session session = connect_application(site_.server(Side::old_side), site_.database());
    for (const Operation& operation : case_.fill) {
      try {
        session.batch(operation.sql);
      } catch (const Error& error) {
        if (!error.sqlstate().starts_with("23")) {
          throw;
        }
      }
    }
    writers_.release(site_.server(Side::old_side));
    preflight();
  }

  void preflight() {
    postgres::Session old_side = open(Side::old_side);
    postgres::Session new_side = open(Side::new_side);
    const std::vector<std::string> schemas = {"public", "Other Schema"};
    const sync::Catalogue before = sync::read_catalogue(old_side, schemas);
    sync::Findings findings;
    tables_ = sync::select_tables(before, config::Sync{}, "", findings);
    sync::Catalogue after = sync::read_catalogue(new_side, schemas);
    sync::match_spelling(old_side, before, new_side, after);
    for (const sync::Finding& finding : sync::compare_structure(before, after, tables_)) {
      findings.push_back(finding);
    }
    for (const sync::Finding& finding : findings) {
      if (finding.level == sync::Finding::Level::error) {
        throw Failure(fmt::format("preflight: {} {}", finding.object, finding.text));
      }
    }
  }

  postgres::Session open(Side side) const { return databases_.at(side).open("step"); }
  Direction direction() const { return sync::direction_to(sync::other(live_)); }

  /// A step, and once more when its sessions were ended under it, as whoever ran the task would.
  void attempt(const Fault& fault, const std::function<void()>& body) {
    Nuisance nuisance(site_, fault, live_);
    for (int left = 3;; --left) {
      try {
        body();
        break;
      } catch (const Error& error) {
        drain_.reset();
        nuisance.wait();
        const bool broken = nuisance.armed() && is_broken_session(error);
        // A drain that reads tables which a TRUNCATE locks in another order may be the victim.
        if (left == 0 || !(broken || error.sqlstate() == "40P01")) {
          throw;
        }
      }
    }
    if (nuisance.armed()) {  // it may have come when all was done, and left sessions that are dead
      nuisance.wait();
      drain_.reset();
    }
  }

  sync::InstallContext install_context() {
    return {clock_, stop_, log_, {std::chrono::milliseconds(400), std::chrono::seconds(20)}};
  }

  /// Owner and drainer of both databases, as every task takes them first: what an earlier one has
  /// under way ends or is refused.
  void take_over() {
    drain_.reset();
    owner_ = sync::new_token();
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = open(side);
      sync::take_owner(session, owner_);
      sync::take_drainer(session, owner_);
    }
  }

  void install(Direction direction) {
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = open(side);
      sync::install_state(session, "property", side, token_);
      sync::record_tables(session, tables_);
    }
    if (direction == Direction::forward) {
      for (const Side side : {Side::new_side, Side::old_side}) {
        postgres::Session session = open(side);
        sync::install_gate(session, tables_, token_, side == Side::new_side, install_context());
      }
    }
    postgres::Session source = open(sync::source(direction));
    postgres::Session target = open(sync::target(direction));
    sync::install_capture(source, tables_, token_, install_context());
    const bool there = !target
                            .query("SELECT FROM crossover.position WHERE direction = $1",
                                   {std::string(sync::name(direction))})
                            .empty();
    if (!there) {
      sync::start_position(source, target, direction, tables_);
    }
  }

  void copy() {
    take_over();
    sync::copy_tables(databases_, Direction::forward, tables_, token_, owner_,
                      {.workers = case_.copy_workers, .pages_per_range = case_.pages_per_range},
                      {clock_, stop_, log_, progress_});
  }

  sync::Drain& drain() {
    if (!drain_) {
      take_over();
      drain_.emplace(databases_, direction(), tables_, token_, owner_, log_);
    }
    return *drain_;
  }

  void perform(const Step& step) {
    switch (step.kind) {
      case Step::Kind::work:
        writers_.wait_for(static_cast<std::uint64_t>(step.often));
        break;
      case Step::Kind::round:
        expect_nothing(writers_.wait_for_round(std::chrono::seconds(60)), "a round");
        break;
      case Step::Kind::drain:
        attempt(step.fault, [&] {
          for (int i = 0; i <= step.often; ++i) {
            drain().run();
          }
        });
        break;
      case Step::Kind::verify:
        attempt(step.fault, [&] { verify(); });
        break;
      case Step::Kind::purge:
        attempt(step.fault, [&] {
          drain().run();
          drain().run();
          drain().purge(Duration(0), clock_);
        });
        break;
      case Step::Kind::hold:
        hold(step.early);
        break;
      case Step::Kind::settle:
        settle();
        break;
      case Step::Kind::reverse:
        attempt(step.fault, [&] { prepare_reverse(); });
        break;
      case Step::Kind::move:
        move(step);
        break;
    }
  }

  void prepare_reverse() {
    install(Direction::reverse);
    reversible_ = true;
  }

  // Only at a point where no TRUNCATE can come between the snapshots, which it ignores.
  void verify() {
    settle();  // writers may be waiting for it
    writers_.park();
    drain().run_keeping_snapshot();
    postgres::Session target = open(sync::other(live_));
    for (const sync::SyncedTable& table : tables_) {
      const auto result = sync::compare_table(drain().source_session(), target, table, direction(),
                                              3, stop_, progress_);
      if (!result.equal) {
        throw Failure(fmt::format("verify finds {} differences in {}, rows {} and {}",
                                  result.differences.size(), table.table.text(), result.source_rows,
                                  result.target_rows));
      }
    }
    writers_.release(site_.server(live_));
  }

  void hold(bool writes) {
    if (held_ || case_.held.empty()) {
      return;
    }
    if (!holder_) {
      holder_.emplace(holder_number, connect_application(site_.server(live_), site_.database()));
    } else {
      holder_->connect(connect_application(site_.server(live_), site_.database()));
    }
    held_ = &case_.held[next_held_++ % case_.held.size()];
    has_written_ = false;
    holder_->begin(*held_);
    if (writes) {
      write_held();
    }
  }

  void write_held() {
    has_written_ = true;
    if (holder_->perform(*held_) != Writer::Outcome::acknowledged) {
      held_ = nullptr;
    }
  }

  void settle() {
    if (held_ && !has_written_) {
      write_held();
    }
    if (held_) {
      holder_->end(*held_);
      held_ = nullptr;
    }
  }

  void move(const Step& step) {
    settle();
    if (!reversible_) {
      prepare_reverse();
    }
    const Side to = sync::other(live_);
    bool gives_back = step.early;
    attempt(step.fault, [&] { move_once(to, gives_back); });
    live_ = to;
    drain_.reset();
    writers_.park();
    expect_nothing(writers_.failure(), "a writer failed");
    expect_equal("after the move");
    expect_nothing(compare_sequences(site_, live_, case_.sequences_ahead), "after the move");
    writers_.release(site_.server(live_));
  }

  void move_once(Side to, bool& gives_back) {
    take_over();
    {
      postgres::Session source = open(live_);
      postgres::Session target = open(to);
      if (sync::gate_state(target) == sync::GateState::open) {
        return;  // the commit that was in doubt
      }
      if (std::exchange(gives_back, false) && sync::gate_state(source) == sync::GateState::closed) {
        sync::open_gate(source, tables_, owner_, std::chrono::seconds(10));
        writers_.release(site_.server(live_));
        writers_.wait_for(3);
      }
    }
    drain().run();
    drain().prepare_finish(owner_, sequence_margin, std::chrono::seconds(60));
    postgres::Session source = open(live_);
    retry(
        clock_, stop_,
        RetryPolicy{.budget = std::chrono::seconds(60),
                    .first_pause = std::chrono::milliseconds(5),
                    .longest_pause = std::chrono::milliseconds(50)},
        [](const Error& error) {
          return error.sqlstate() == "55P03" || error.sqlstate() == "40P01";
        },
        [&] { sync::close_gate(source, tables_, owner_, std::chrono::milliseconds(200)); });
    drain().finish([](std::string_view) {}, [] {});
  }

  void expect_equal(std::string_view when) {
    std::vector<Acknowledged> acknowledged = writers_.acknowledged();
    acknowledged.resize(holder_number);
    acknowledged.push_back(holder_ ? holder_->acknowledged() : Acknowledged{});
    acknowledged_ = 0;
    for (const Acknowledged& one : acknowledged) {
      acknowledged_ += one.tokens.size();
    }
    expect_nothing(compare_rows(site_) + compare_acknowledged(site_, acknowledged), when);
  }

  void finish() {
    settle();
    writers_.park();
    expect_nothing(writers_.failure(), "a writer failed");
    drain().run();
    expect_equal("at the end");
    postgres::Session live = open(live_);
    postgres::Session other = open(sync::other(live_));
    if (sync::gate_state(live) != sync::GateState::open ||
        sync::gate_state(other) != sync::GateState::closed) {
      throw Failure("at the end the gates are not as they should be");
    }
  }

  static constexpr int holder_number = 9;
  static constexpr std::int64_t sequence_margin = 100;

  const Case& case_;
  Site& site_;
  const sync::Databases& databases_;
  Writers writers_;
  SystemClock clock_;
  StopRequest stop_;
  NoLog log_;
  NoProgress progress_;
  Secret token_{sync::new_token()};
  std::string owner_;
  std::vector<sync::SyncedTable> tables_;
  Side live_ = Side::old_side;
  bool reversible_ = false;
  std::optional<sync::Drain> drain_;
  std::optional<Writer> holder_;
  const Work* held_ = nullptr;
  bool has_written_ = false;
  std::size_t next_held_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace

Outcome run_case(const Case& what, Servers& servers) {
  Outcome outcome;
  try {
    Site site(servers.at(Side::old_side, what.old_version),
              servers.at(Side::new_side, what.new_version), fmt::format("case {}", what.seed));
    site.create(what.schema);
    Journey journey(what, site);
    journey.run();
    outcome.acknowledged = journey.acknowledged();
  } catch (const Error& error) {
    outcome.failure = fmt::format("{} [{}]", error.text(), error.sqlstate());
  } catch (const std::exception& error) {
    outcome.failure = error.what();
  }
  return outcome;
}

}  // namespace crossover::test::property
