#include "data-sync/status.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "sync/capture.h"

namespace crossover::data_sync {
namespace {

using sync::Side;

struct SideStatus {
  std::string phase = "none";
  std::string gate = "absent";
  std::string capture = "no";
  std::string log_bytes = "0";
  std::string copied = "-";
  std::string drained;
};

SideStatus read(const Run& run, Side side) {
  SideStatus status;
  postgres::Session session = run.at(side).open("status");
  status.gate = sync::name(sync::gate_state(session));
  const auto migration = sync::read_migration(session);
  if (!migration) {
    return status;
  }
  status.phase = migration->phase;
  const auto tables = sync::read_tables(session);
  const postgres::Rows triggers = session.query(
      "SELECT count(*) FROM pg_trigger WHERE starts_with(tgname::text, 'crossover_capture_')");
  status.capture = triggers.int64(0, 0) > 0 ? "yes" : "no";
  status.log_bytes = std::to_string(sync::log_bytes(session, tables));
  const postgres::Rows copied = session.query(
      "SELECT count(*) FILTER (WHERE copied) || ' of ' || count(*) FROM crossover.synced_table");
  status.copied = copied.text(0, 0);
  const postgres::Rows position = session.query(
      "SELECT direction || ' ' || to_char(drained_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
      "FROM crossover.position ORDER BY 1");
  for (std::size_t i = 0; i < position.size(); ++i) {
    status.drained += fmt::format("{}{}", i == 0 ? "" : ", ", position.text(i, 0));
  }
  return status;
}

}  // namespace

// One database out of reach is when the other's state is asked for most.
void status(Run& run) {
  cli::Result& result = run.context().result();
  cli::Table table{.title = "Migration " + run.config().name,
                   .columns = {"side", "database", "phase", "gate", "capture", "log bytes",
                               "tables copied", "last drains into it"},
                   .rows = {}};
  std::optional<Error> failed;
  for (const Side side : {Side::old_side, Side::new_side}) {
    const std::string side_name(sync::name(side));
    SideStatus row{"unknown", "unknown", "unknown", "-", "-", {}};
    try {
      row = read(run, side);
      result.set_report(
          side_name, {{"phase", row.phase}, {"gate", row.gate}, {"capture", row.capture == "yes"}});
    } catch (Error& error) {
      run.context().stop().throw_if_requested();
      result.add_check(side_name + " database", cli::CheckOutcome::fail, error.message());
      failed = failed ? failed : error.add_context(side_name + " database");
    }
    table.rows.push_back({side_name, run.at(side).describe(), row.phase, row.gate, row.capture,
                          row.log_bytes, row.copied, row.drained});
  }
  result.add_table(std::move(table));
  if (failed) {
    throw Error(*failed);
  }
}

}  // namespace crossover::data_sync
