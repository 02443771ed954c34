#include "sync/carried_mark.h"

#include <fmt/format.h>

#include "sync/position.h"

namespace crossover::sync {

using postgres::Rows;
using postgres::Session;

namespace {

/// Where transaction ids and the target's rows come from: the incarnation of either server, and the
/// capture that the position goes on from. Each copy and each repair makes another of it.
constexpr std::string_view origin_sql =
    "(SELECT concat_ws(' ', system_identifier, "
    "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)) FROM pg_control_system()) || "
    "concat(' ', p.system_identifier, ' ', p.timeline, ' ', p.capture)";

}  // namespace

bool write_carried_mark(Session& source, Session& target, Direction direction) {
  // One statement, so that the target's snapshot sees the drains up to that position and no other.
  const Rows carried = target.query(
      fmt::format("SELECT p.snapshot, txid_current_snapshot(), {} FROM crossover.position p "
                  "WHERE p.direction = $1 AND NOT EXISTS (SELECT FROM crossover.synced_table "
                  "WHERE NOT copied OR start_snapshot IS NOT NULL)",
                  origin_sql),
      {std::string(name(direction))});
  if (carried.empty()) {
    return false;
  }
  flush_wal(target);
  source.query(
      "INSERT INTO crossover.carried_mark (direction, source_snapshot, target_snapshot, origin) "
      "VALUES ($1, $2::txid_snapshot, $3::txid_snapshot, $4) ON CONFLICT (direction) DO UPDATE SET "
      "source_snapshot = EXCLUDED.source_snapshot, target_snapshot = EXCLUDED.target_snapshot, "
      "origin = EXCLUDED.origin",
      {std::string(name(direction)), carried.value(0, 0), carried.value(0, 1),
       carried.value(0, 2)});
  return true;
}

CarriedMark read_carried_mark(Session& source, Session& target, Direction direction) {
  const Rows mark = source.query(
      "SELECT source_snapshot, target_snapshot, origin FROM crossover.carried_mark "
      "WHERE direction = $1",
      {std::string(name(direction))});
  if (mark.empty()) {
    return {};
  }
  CarriedMark known;
  known.source = mark.text(0, 0);
  const Rows origin = target.query(
      fmt::format("SELECT {} FROM crossover.position p WHERE p.direction = $1", origin_sql),
      {std::string(name(direction))});
  if (!origin.empty() && origin.text(0, 0) == mark.text(0, 2)) {
    known.target = mark.text(0, 1);
  }
  return known;
}

}  // namespace crossover::sync
