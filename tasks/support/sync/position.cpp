#include "sync/position.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "sync/fingerprint.h"

namespace crossover::sync {

using postgres::Rows;
using postgres::Session;

namespace {

/// What to type, for hints.
std::string_view start_command(Direction direction) {
  return direction == Direction::forward ? "`data-sync start`" : "`data-sync start --reverse`";
}

Error not_captured(Direction direction) {
  return {ErrorKind::precondition,
          fmt::format("unable to drain from the {} database: capture was taken off since the last "
                      "drain, so not all that was written there is known",
                      name(source(direction))),
          direction == Direction::forward
              ? fmt::format("run {}: it copies everything again", start_command(direction))
              : fmt::format("rolling back has ended with this; to be able to again, run {}, which "
                            "copies everything back",
                            start_command(direction))};
}

}  // namespace

std::string source_state_sql() {
  // The control file's timeline lags behind a promotion until the next checkpoint; the WAL file's
  // name does not.
  return "SELECT txid_current_snapshot(), (SELECT system_identifier FROM pg_control_system()), "
         "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), "
         "(SELECT capture FROM crossover.migration)";
}

SourceState source_state(const Rows& rows) {
  return {.snapshot = std::string(rows.text(0, 0)),
          .system_identifier = std::string(rows.text(0, 1)),
          .timeline = std::string(rows.text(0, 2)),
          .fingerprint = {},
          .capture = std::string(rows.text(0, 3))};
}

SourceState read_source_state(Session& source, const std::vector<SyncedTable>& tables) {
  const std::vector<Rows> rows =
      source.pipeline({{source_state_sql(), {}, {}}, {fingerprint_sql(tables), {}, {}}});
  SourceState state = source_state(rows[0]);
  state.fingerprint = rows[1].text(0, 0);
  return state;
}

void flush_wal(Session& source) {
  // A commit with a transaction id of its own is what flushes; "local" since no standby is meant.
  source.query(
      "SELECT set_config('synchronous_commit', 'local', true), "
      "CASE WHEN pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn() "
      "THEN pg_logical_emit_message(true, 'crossover', 'flush') END");
}

void require_capture(Session& source, Direction direction) {
  // Not even the table, where a standby took over that lags behind the installation.
  if (source.query("SELECT to_regclass('crossover.migration') IS NULL").boolean(0, 0) ||
      source.query("SELECT FROM crossover.migration WHERE capture <> ''").empty()) {
    throw not_captured(direction);
  }
}

bool position_holds(Session& source, Session& target, Direction direction) {
  const Rows position = target.query("SELECT capture FROM crossover.position WHERE direction = $1",
                                     {std::string(name(direction))});
  return !position.empty() && !position.text(0, 0).empty() &&
         source.query("SELECT capture FROM crossover.migration").text(0, 0) == position.text(0, 0);
}

std::map<int, std::string> copy_snapshots(Session& target) {
  const Rows rows = target.query(
      "SELECT id, start_snapshot FROM crossover.synced_table WHERE start_snapshot IS NOT NULL");
  std::map<int, std::string> snapshots;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    snapshots.emplace(static_cast<int>(rows.int64(i, 0)), rows.text(i, 1));
  }
  return snapshots;
}

void write_position(Session& target, Direction direction, const SourceState& state,
                    const std::string& lines) {
  target.query(
      "INSERT INTO crossover.position (direction, snapshot, system_identifier, timeline, "
      "fingerprint, schema_lines, capture) VALUES ($1, $2::txid_snapshot, $3, $4, $5, $6, $7) "
      "ON CONFLICT (direction) DO UPDATE SET snapshot = EXCLUDED.snapshot, "
      "system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, "
      "fingerprint = EXCLUDED.fingerprint, schema_lines = EXCLUDED.schema_lines, "
      "capture = EXCLUDED.capture",
      {std::string(name(direction)), state.snapshot, state.system_identifier, state.timeline,
       state.fingerprint, lines, state.capture});
}

// A timeline that no server has; nothing but a repair writes another.
void distrust_position(Session& target, Direction direction) {
  target.query("UPDATE crossover.position SET timeline = '' WHERE direction = $1",
               {std::string(name(direction))});
}

SourceState lock_position(Session& target, Direction direction) {
  const Rows rows = target.query(
      "SELECT snapshot, system_identifier, timeline, fingerprint, capture FROM crossover.position "
      "WHERE direction = $1 FOR UPDATE",
      {std::string(name(direction))});
  if (rows.empty()) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to drain {}: nothing was started in that direction", name(direction)),
        fmt::format("run {} first", start_command(direction)));
  }
  return {std::string(rows.text(0, 0)), std::string(rows.text(0, 1)), std::string(rows.text(0, 2)),
          std::string(rows.text(0, 3)), std::string(rows.text(0, 4))};
}

postgres::Statement move_position_statement(Direction direction, const std::string& snapshot,
                                            std::uint64_t rows) {
  return {
      "UPDATE crossover.position SET snapshot = $2::txid_snapshot, "
      "drained_at = clock_timestamp(), drained_rows = drained_rows + $3::bigint "
      "WHERE direction = $1",
      {std::string(name(direction)), snapshot, std::to_string(rows)},
      {}};
}

void require_same_source(Session& source, Session& target, Direction direction,
                         const std::vector<SyncedTable>& tables, const SourceState& before,
                         const SourceState& now) {
  const std::string_view side = name(sync::source(direction));
  if (before.system_identifier != now.system_identifier) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to drain from the {} database: it is another cluster "
                            "(system identifier {}, was {})",
                            side, now.system_identifier, before.system_identifier),
                "correct databases in crossover.yaml; a restored cluster needs a new migration");
  }
  const std::string compare = fmt::format(
      "run {} again: it compares all rows, repairs those that differ and saves those "
      "that only the target has",
      start_command(direction));
  if (before.timeline.empty()) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to drain from the {} database: the {} one has failed over since "
                    "it was switched to, and may lack rows that had been carried back",
                    side, name(sync::target(direction))),
        compare);
  }
  if (before.timeline != now.timeline) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to drain from the {} database: it has failed over "
                            "(timeline {}, was {}), and what its last commits were is not certain",
                            side, now.timeline, before.timeline),
                compare);
  }
  if (now.capture.empty() || before.capture != now.capture) {
    throw not_captured(direction);
  }
  if (before.fingerprint == now.fingerprint) {
    return;
  }
  const Rows rows = target.query("SELECT schema_lines FROM crossover.position WHERE direction = $1",
                                 {std::string(name(direction))});
  const auto lines =
      schema_difference(std::string(rows.text(0, 0)), schema_lines(source, tables), 10);
  throw Error(
      ErrorKind::precondition,
      fmt::format("unable to drain from the {} database: its schema has changed: {}", side,
                  fmt::join(lines, "; ")),
      direction == Direction::forward
          ? "undo the change, or run `data-sync abort` and begin again with both schemas equal"
          : "rolling back has ended with this change: run `data-sync finish`");
}

bool schema_has_changed(Session& source, Session& target, Direction direction,
                        const std::vector<SyncedTable>& tables) {
  const Rows known = target.query("SELECT fingerprint FROM crossover.position WHERE direction = $1",
                                  {std::string(name(direction))});
  return !known.empty() && known.text(0, 0) != source.query(fingerprint_sql(tables)).text(0, 0);
}

}  // namespace crossover::sync
