#include "bench/switching.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/stop.h"
#include "integration/cutover/service.h"
#include "sync/capture.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "sync/state.h"

namespace crossover::bench {
namespace {

double milliseconds(Duration duration) { return 1e3 * seconds(duration); }

cutover::SwitchReport switch_to(const sync::Databases& databases, cutover::Fleet fleet,
                                sync::Side side) {
  cutover::SwitchOptions options;
  options.migration = test::migration;
  options.to = side;
  options.pause_budget = std::chrono::seconds(10);
  const SystemClock clock;
  NoLog log;
  const StopRequest stop;
  return cutover::run_switch(databases, fleet, options, clock, log, stop);
}

}  // namespace

void install_sync(const sync::Databases& databases, const std::vector<sync::SyncedTable>& tables,
                  bool old_gate) {
  postgres::Session old_side = databases.old_db.open("install");
  postgres::Session new_side = databases.new_db.open("install");
  const Secret token("apply-token-of-the-bench");
  sync::install_state(old_side, test::migration, sync::Side::old_side, token);
  sync::install_state(new_side, test::migration, sync::Side::new_side, token);
  SystemClock clock;
  NoLog log;
  NoProgress progress;
  const StopRequest stop;
  const sync::InstallContext context{clock, stop, log, {}};
  for (postgres::Session* session : {&old_side, &new_side}) {
    sync::record_tables(*session, tables, {"public"});
    sync::install_capture(*session, tables, token, context);
    if (old_gate || session == &new_side) {
      sync::install_gate(*session, tables, token, session == &new_side, context);
    }
    sync::take_owner(*session, "installer");
    sync::take_drainer(*session, "installer");
  }
  sync::start_position(old_side, new_side, sync::Direction::forward, tables);
  sync::start_position(new_side, old_side, sync::Direction::reverse, tables);
  sync::copy_tables(databases, sync::Direction::forward, tables, token, "installer", {},
                    {clock, stop, log, progress});
  old_side.batch("UPDATE crossover.synced_table SET copied = true");  // the rows are its own
}

cutover::SwitchReport switch_when_quiet(const sync::Databases& databases,
                                        const std::function<cutover::Fleet()>& fleet,
                                        sync::Side side) {
  for (int attempt = 1;; ++attempt) {
    try {
      return switch_to(databases, fleet(), side);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::precondition || attempt == 30) {
        throw;
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
}

nlohmann::json described(const cutover::SwitchReport& report, sync::Side side) {
  nlohmann::json phases = nlohmann::json::array();
  for (const cutover::SwitchPhase& phase : report.phases) {
    phases.push_back({{"name", phase.name}, {"ms", milliseconds(phase.duration)}});
  }
  return {{"to", sync::name(side)},
          {"paused_ms", milliseconds(report.paused)},
          {"phases", phases},
          {"keys", report.last_drain.keys},
          {"tables", report.last_drain.tables}};
}

}  // namespace crossover::bench
