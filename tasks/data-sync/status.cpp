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

void status(Run& run) {
  cli::Table table{.title = "Migration " + run.config().name,
                   .columns = {"side", "database", "phase", "gate", "capture", "log bytes",
                               "tables copied", "last drains into it"},
                   .rows = {}};
  for (const Side side : {Side::old_side, Side::new_side}) {
    const SideStatus row =
        with_context(fmt::format("{} database", sync::name(side)), [&] { return read(run, side); });
    table.rows.push_back({std::string(sync::name(side)), run.at(side).describe(), row.phase,
                          row.gate, row.capture, row.log_bytes, row.copied, row.drained});
    run.context().result().set_report(
        std::string(sync::name(side)),
        {{"phase", row.phase}, {"gate", row.gate}, {"capture", row.capture == "yes"}});
  }
  run.context().result().add_table(std::move(table));
}

}  // namespace crossover::data_sync
