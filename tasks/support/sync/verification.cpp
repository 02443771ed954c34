#include "sync/verification.h"

namespace crossover::sync {
namespace {

bool is_there(postgres::Session& target) {
  return target.query("SELECT to_regclass('crossover.verification') IS NOT NULL").boolean(0, 0);
}

}  // namespace

void record_verification(postgres::Session& target, Direction direction,
                         const Verification& verification) {
  postgres::Transaction transaction(target);
  // Two creators at once would fail on the catalogue's unique indexes, so they take turns.
  target.query("SELECT pg_advisory_xact_lock(hashtext('crossover.install'))");
  target.batch(
      "CREATE TABLE IF NOT EXISTS crossover.verification ("
      "direction text PRIMARY KEY CHECK (direction IN ('forward', 'reverse')), "
      "equal boolean NOT NULL, point text NOT NULL, tables integer NOT NULL, "
      "at timestamptz NOT NULL)");
  target.query(
      "INSERT INTO crossover.verification VALUES ($1, $2::boolean, $3, $4::int, clock_timestamp()) "
      "ON CONFLICT (direction) DO UPDATE SET equal = excluded.equal, point = excluded.point, "
      "tables = excluded.tables, at = excluded.at",
      {std::string(name(direction)), verification.equal ? "true" : "false", verification.point,
       std::to_string(verification.tables)});
  transaction.commit();
}

std::optional<Verification> read_verification(postgres::Session& target, Direction direction) {
  if (!is_there(target)) {
    return std::nullopt;
  }
  const postgres::Rows rows = target.query(
      "SELECT equal, point, tables, to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
      "FROM crossover.verification WHERE direction = $1",
      {std::string(name(direction))});
  if (rows.empty()) {
    return std::nullopt;
  }
  return Verification{rows.boolean(0, 0), std::string(rows.text(0, 1)),
                      std::string(rows.text(0, 3)), rows.int64(0, 2)};
}

void forget_verification(postgres::Session& target, Direction direction) {
  if (is_there(target)) {
    target.query("DELETE FROM crossover.verification WHERE direction = $1",
                 {std::string(name(direction))});
  }
}

}  // namespace crossover::sync
