#include "integration/property/journey.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "base/error.h"
#include "integration/property/application.h"
#include "integration/property/comparison.h"
#include "integration/property/expectation.h"
#include "integration/property/lost_writes.h"
#include "integration/property/migration.h"
#include "integration/property/nuisance.h"
#include "integration/property/saved_rows.h"
#include "sync/gate.h"

namespace crossover::test::property {
namespace {

using sync::Direction;
using sync::Side;

class Journey {
 public:
  Journey(const Case& what, Site& site)
      : case_(what),
        site_(site),
        migration_(what, site),
        application_(what, site),
        writers_(application_.writers()) {}

  void run() {
    application_.fill();
    release();
    migration_.preflight(application_.skipped());
    for (const Step& step : case_.before_install) {
      perform(step);
    }
    attempt("the installation", case_.install_fault,
            [this] { migration_.install(Direction::forward); });
    for (const Step& step : case_.before_copy) {
      perform(step);
    }
    attempt("the copy", case_.copy_fault, [this] { migration_.copy(); });
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
  void release() { writers_.release(site_.server(migration_.live())); }

  /// A step, and once more when its sessions were ended under it, as whoever ran the task would.
  void attempt(std::string_view step, const Fault& fault, const std::function<void()>& body) {
    Nuisance nuisance(site_, fault, migration_.live(), migration_.tables());
    met_.insert(fmt::format("{}{}", step, application_.open_transaction()));
    const auto patient_until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (int left = 3;; --left) {
      try {
        body();
        break;
      } catch (const Error& error) {
        migration_.forget_drain();
        nuisance.wait();
        const bool broken = nuisance.explains(error);
        if (broken) {
          met_.insert(fmt::format("{} fails when {}", step, fault.text()));
        }
        // A drain that reads tables which a TRUNCATE locks in another order may be the victim.
        const bool deadlock =
            error.sqlstate() == "40P01" && std::chrono::steady_clock::now() < patient_until;
        if (!deadlock && (left <= 0 || !broken)) {
          throw;
        }
      }
    }
    if (nuisance.armed()) {  // it may have come when all was done, and left sessions that are dead
      nuisance.wait();
      migration_.forget_drain();
    }
  }

  void perform(const Step& step) {
    switch (step.kind) {
      case Step::Kind::work:
        return writers_.wait_for(static_cast<std::uint64_t>(step.often));
      case Step::Kind::round:
        return expect_nothing(writers_.wait_for_round(std::chrono::seconds(60)), "a round");
      case Step::Kind::drain:
        return attempt("a drain", step.fault, [&] {
          for (int i = 0; i <= step.often; ++i) {
            migration_.drain().run();
          }
          migration_.mark();
          ahead_ = true;
        });
      case Step::Kind::verify:
        return verify(step.fault);
      case Step::Kind::purge:
        site_.give_up_standby();  // it would want what is purged without any retention
        return attempt("a purge", step.fault, [&] { migration_.purge(); });
      case Step::Kind::hold:
        return application_.hold(migration_.live(), step.early);
      case Step::Kind::settle:
        return application_.settle();
      case Step::Kind::reverse:
        site_.give_up_standby();
        return attempt("capture on the new side", step.fault,
                       [&] { migration_.prepare_reverse(); });
      case Step::Kind::move:
        return move(step);
      case Step::Kind::change:
        return change(static_cast<std::size_t>(step.often));
      case Step::Kind::replica:
        return leave_behind(step);
      case Step::Kind::failover:
        return fail_over(step);
    }
  }

  // Only at a point where no TRUNCATE can come between the snapshots, which it ignores. Writers
  // park before the fault: one that waits for a server which is stopped would wait for us.
  void verify(const Fault& fault) {
    application_.settle();  // writers may be waiting for it
    writers_.park();
    attempt("a verification", fault, [this] { migration_.verify(); });
    ahead_ = true;
    release();
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
    expect_refused("a drain after a change of the schema", "its schema has changed: ");
    alter(back);
  }

  // Without those whose locks would be in the way for ever: many that write, and a drain that
  // keeps its snapshot after a verification.
  void alter(const std::string& sql) {
    migration_.forget_drain();
    writers_.park();
    postgres::Session& session = site_.look(migration_.live());
    session.batch("SET lock_timeout = '20s'");
    session.batch(sql);
    session.batch("SET lock_timeout = DEFAULT");
    release();
  }

  void expect_refused(std::string_view step, std::string_view reason) {
    attempt(step, {}, [&] {
      try {
        migration_.drain().run();
      } catch (const Error& error) {
        if (error.message().find(reason) == std::string::npos) {
          throw;
        }
        migration_.forget_drain();
        return;
      }
      throw Failure(fmt::format("{} was not refused with '{}'", step, reason));
    });
  }

  // Nobody writes meanwhile: the fixture copies files that a TRUNCATE would take away.
  void leave_behind(const Step& step) {
    const Side live = migration_.live();
    writers_.park();
    site_.leave_behind(step.often % 2 == 0 ? live : sync::other(live));
    ahead_ = false;
    release();
  }

  /// A server is lost, and a standby that lacks its last commits takes its place.
  void fail_over(const Step& step) {
    if (!site_.left_behind()) {
      return;
    }
    application_.settle();
    writers_.park();
    migration_.forget_drain();
    const Side live = migration_.live();
    if (site_.fail_over() == live) {
      follow_live_side(step);
    } else {
      met_.insert("the side behind its gate fails over");
      expect_saved({}, [&] { migration_.follow_failover(); });
    }
    release();
  }

  void follow_live_side(const Step& step) {
    const Side live = migration_.live();
    const std::uint64_t before = application_.acknowledged_now();
    expect_nothing(application_.forget_lost(live), "after a failover");
    met_.insert(fmt::format("the live side fails over{}",
                            application_.acknowledged_now() < before ? " and loses commits" : ""));
    LostWrites lost(site_, live, migration_.tables(), ahead_);
    if (step.early) {  // the lost transactions' ids are handed out again before anybody notices
      release();
      writers_.wait_for(static_cast<std::uint64_t>(step.often));
      writers_.park();
    }
    expect_refused("a drain after a failover", "it has failed over (timeline ");
    if (case_.marks) {
      met_.insert("a failover of a source that knew how far it was followed");
      migration_.follow_failover();
    } else {
      expect_saved(sum(rows_only_behind(site_, live, migration_.tables()),
                       rows_brought_back(site_, live, migration_.tables())),
                   [&] { migration_.follow_failover(); });
    }
    expect_nothing(lost.differences(), "after a failover");
  }

  /// Exactly the rows of the side behind its gate that give way are kept there, with those that it
  /// did not have any more and that were not written since: without marks, whatever was written
  /// since may be a loss too.
  void expect_saved(const RowCounts& rows, const std::function<void()>& body) {
    const Side behind = sync::other(migration_.live());
    const RowCounts before = saved_rows(site_, behind);
    body();
    expect_nothing(compare_saved(before, rows, saved_rows(site_, behind)), "after a failover");
  }

  void move(const Step& step) {
    site_.give_up_standby();
    application_.settle();
    if (!migration_.reversible()) {
      migration_.prepare_reverse();
    }
    const Side to = sync::other(migration_.live());
    bool gives_back = step.early;
    attempt(to == Side::new_side ? "a switch" : "a rollback", step.fault, [&] {
      migration_.move(to, gives_back, [&] {
        release();
        writers_.wait_for(3);
      });
    });
    writers_.park();
    expect_nothing(writers_.failure(), "a writer failed");
    expect_nothing(application_.differences(), "after the move");
    expect_nothing(application_.touched_skipped(), "after the move");
    expect_nothing(compare_sequences(site_, to, case_.sequences_ahead), "after the move");
    release();
  }

  void finish() {
    application_.settle();
    writers_.park();
    expect_nothing(writers_.failure(), "a writer failed");
    migration_.drain().run();
    expect_nothing(application_.differences(), "at the end");
    const Side live = migration_.live();
    if (sync::gate_state(site_.look(live)) != sync::GateState::open ||
        sync::gate_state(site_.look(sync::other(live))) != sync::GateState::closed) {
      throw Failure("at the end the gates are not as they should be");
    }
  }

  const Case& case_;
  Site& site_;
  Migration migration_;
  Application application_;
  Writers& writers_;
  std::set<std::string> met_;
  /// Whether changes were carried since the standby was left behind.
  bool ahead_ = false;
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
