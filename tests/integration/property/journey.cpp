#include "integration/property/journey.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "base/error.h"
#include "base/retry.h"
#include "integration/property/application.h"
#include "integration/property/comparison.h"
#include "integration/property/nuisance.h"
#include "postgres/sqlstate.h"
#include "sync/capture.h"
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

class Journey {
 public:
  Journey(const Case& what, Site& site)
      : case_(what),
        site_(site),
        databases_(site.databases()),
        application_(what, site),
        writers_(application_.writers()) {}

  void run() {
    prepare();
    for (const Step& step : case_.before_install) {
      perform(step);
    }
    attempt("the installation", case_.install_fault, [this] { install(Direction::forward); });
    for (const Step& step : case_.before_copy) {
      perform(step);
    }
    attempt("the copy", case_.copy_fault, [this] { copy(); });
    for (const Step& step : case_.steps) {
      perform(step);
      expect_nothing(writers_.failure(), "a writer failed");
    }
    finish();
  }

  /// Transactions that were counted and acknowledged until the databases were last compared.
  std::uint64_t acknowledged() const { return application_.acknowledged(); }
  const std::set<std::string>& met() const { return met_; }

 private:
  void prepare() {
    application_.fill();
    writers_.release(site_.server(Side::old_side));
    preflight();
  }

  void preflight() {
    postgres::Session old_side = open(Side::old_side);
    postgres::Session new_side = open(Side::new_side);
    const std::vector<std::string> schemas = {"public", "Other Schema"};
    const sync::Catalogue before = sync::read_catalogue(old_side, schemas);
    sync::Findings findings;
    config::Sync settings;
    for (const std::string& name : application_.skipped()) {
      settings.tables[name].policy = sync::Policy::skip;
    }
    tables_ = sync::select_tables(before, settings, "", findings);
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
  void attempt(std::string_view step, const Fault& fault, const std::function<void()>& body) {
    Nuisance nuisance(site_, fault, live_, tables_);
    met_.insert(fmt::format("{}{}", step, application_.open_transaction()));
    for (int left = 3;; --left) {
      try {
        body();
        break;
      } catch (const Error& error) {
        drain_.reset();
        nuisance.wait();
        const bool broken = nuisance.explains(error);
        if (broken) {
          met_.insert(fmt::format("{} fails when {}", step, fault.text()));
        }
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
        attempt("a drain", step.fault, [&] {
          for (int i = 0; i <= step.often; ++i) {
            drain().run();
          }
        });
        break;
      case Step::Kind::verify:
        verify(step.fault);
        break;
      case Step::Kind::purge:
        attempt("a purge", step.fault, [&] {
          drain().run();
          drain().run();
          drain().purge(Duration(0), clock_);
        });
        break;
      case Step::Kind::hold:
        application_.hold(live_, step.early);
        break;
      case Step::Kind::settle:
        application_.settle();
        break;
      case Step::Kind::reverse:
        attempt("capture on the new side", step.fault, [&] { prepare_reverse(); });
        break;
      case Step::Kind::move:
        move(step);
        break;
      case Step::Kind::change:
        change(static_cast<std::size_t>(step.often));
        break;
    }
  }

  void prepare_reverse() {
    install(Direction::reverse);
    reversible_ = true;
  }

  // Only at a point where no TRUNCATE can come between the snapshots, which it ignores. Writers
  // park before the fault: one that waits for a server which is stopped would wait for us.
  void verify(const Fault& fault) {
    application_.settle();  // writers may be waiting for it
    writers_.park();
    attempt("a verification", fault, [this] { compare_tables(); });
    writers_.release(site_.server(live_));
  }

  void compare_tables() {
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
  }

  /// A partition, a child or a column comes, and goes again. A partition that goes could not come
  /// back: PostgreSQL attaches no table with triggers that have transition tables.
  void change(std::size_t which) {
    application_.settle();
    const Table& table = case_.schema.tables[which % case_.schema.tables.size()];
    if (table.skipped) {
      return;
    }
    const std::string added = table.schema + ".added";
    // What names the parent has to be allowed for the child as well.
    const std::string rest = fmt::format("; GRANT ALL ON {} TO writer", added);
    if (table.partition_by.find("RANGE") != std::string::npos) {
      change(fmt::format("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM (1000) TO (1001){}",
                         added, table.name, rest),
             "DROP TABLE " + added);
    } else if (table.has_children) {
      change(fmt::format("CREATE TABLE {} () INHERITS ({}){}", added, table.name, rest),
             "DROP TABLE " + added);
    } else {
      change(fmt::format("ALTER TABLE {} ADD COLUMN added int", table.name),
             fmt::format("ALTER TABLE {} DROP COLUMN added", table.name));
    }
  }

  void change(const std::string& sql, const std::string& back) {
    alter(sql);
    expect_refused_change();
    alter(back);
  }

  // Without those whose locks would be in the way for ever: many that write, and a drain that
  // keeps its snapshot after a verification.
  void alter(const std::string& sql) {
    drain_.reset();
    writers_.park();
    postgres::Session& session = site_.look(live_);
    session.batch("SET lock_timeout = '20s'");
    session.batch(sql);
    session.batch("SET lock_timeout = DEFAULT");
    writers_.release(site_.server(live_));
  }

  void expect_refused_change() {
    attempt("a drain after a change of the schema", {}, [&] {
      try {
        drain().run();
      } catch (const Error& error) {
        if (error.message().find("its schema has changed: ") == std::string::npos) {
          throw;
        }
        drain_.reset();
        return;
      }
      throw Failure("a drain has not noticed that the schema had changed");
    });
  }

  void move(const Step& step) {
    application_.settle();
    if (!reversible_) {
      prepare_reverse();
    }
    const Side to = sync::other(live_);
    bool gives_back = step.early;
    attempt(to == Side::new_side ? "a switch" : "a rollback", step.fault,
            [&] { move_once(to, gives_back); });
    live_ = to;
    drain_.reset();
    writers_.park();
    expect_nothing(writers_.failure(), "a writer failed");
    expect_nothing(application_.differences(), "after the move");
    expect_nothing(application_.touched_skipped(), "after the move");
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
    retry(clock_, stop_, patience, postgres::is_lock_conflict,
          [&] { sync::close_gate(source, tables_, owner_, std::chrono::milliseconds(200)); });
    drain().finish([](std::string_view) {}, [] {});
  }

  void finish() {
    application_.settle();
    writers_.park();
    expect_nothing(writers_.failure(), "a writer failed");
    drain().run();
    expect_nothing(application_.differences(), "at the end");
    if (sync::gate_state(site_.look(live_)) != sync::GateState::open ||
        sync::gate_state(site_.look(sync::other(live_))) != sync::GateState::closed) {
      throw Failure("at the end the gates are not as they should be");
    }
  }

  static constexpr std::int64_t sequence_margin = 100;
  static constexpr RetryPolicy patience{.budget = std::chrono::seconds(60),
                                        .first_pause = std::chrono::milliseconds(5),
                                        .longest_pause = std::chrono::milliseconds(50)};

  const Case& case_;
  Site& site_;
  const sync::Databases& databases_;
  Application application_;
  Writers& writers_;
  SystemClock clock_;
  StopRequest stop_;
  NoLog log_;
  NoProgress progress_;
  Secret token_{sync::new_token()};
  std::string owner_;
  std::set<std::string> met_;
  std::vector<sync::SyncedTable> tables_;
  Side live_ = Side::old_side;
  bool reversible_ = false;
  std::optional<sync::Drain> drain_;
};

// What the server says of a backend of its own that has crashed: that is PostgreSQL's defect.
std::string crash_of(const PostgresServer& server) {
  const std::string log = server.log();
  const auto crash = log.rfind("was terminated by signal 11");
  return crash == std::string::npos
             ? ""
             : fmt::format("\nPostgreSQL {}: {}", server.version(), log.substr(crash, 700));
}

}  // namespace

Outcome run_case(const Case& what, Servers& servers) {
  Outcome outcome;
  std::vector<const PostgresServer*> started;
  try {
    Servers::Shared& old_side = servers.at(Side::old_side, what.old_version);
    Servers::Shared& new_side = servers.at(Side::new_side, what.new_version);
    started = {&old_side.server, &new_side.server};
    Site site(old_side, new_side, fmt::format("case {}", what.seed),
              what.has([](const Fault& fault) { return fault.what == Fault::What::cut; }));
    site.create(what.schema);
    Journey journey(what, site);
    journey.run();
    outcome.acknowledged = journey.acknowledged();
    outcome.met = journey.met();
  } catch (const Error& error) {
    outcome.failure = fmt::format("{} [{}]", error.text(), error.sqlstate());
  } catch (const std::exception& error) {
    outcome.failure = error.what();
  }
  for (const PostgresServer* server : started) {
    if (!outcome.failure.empty()) {
      outcome.failure += crash_of(*server);
    }
  }
  return outcome;
}

}  // namespace crossover::test::property
