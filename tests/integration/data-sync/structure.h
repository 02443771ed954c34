#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fixtures/moments.h"
#include "integration/data-sync/place.h"
#include "sync/fingerprint.h"

namespace crossover::test {

/// Everything that Crossover has in a database but for the rows that change with each drain:
/// triggers and their states, functions, relations, what is recorded of the tables. A line each,
/// with `mark` in front; no line is there twice.
inline std::string structure(const sync::Database& database, const std::string& mark = "") {
  postgres::Session session = database.open("check");
  std::string sql = R"(
    SELECT format('trigger %s of %s: %s', tgname, tgrelid::regclass, tgenabled) AS line
      FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('function %s', p.oid::regprocedure) FROM pg_proc p
      JOIN pg_namespace n ON n.oid = p.pronamespace WHERE nspname = 'crossover'
    UNION ALL SELECT format('relation %s %s', c.oid::regclass, relkind) FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'crossover')";
  const auto known = [&](const char* table) {
    return session.query("SELECT to_regclass($1) IS NOT NULL", {std::string(table)}).boolean(0, 0);
  };
  if (known("crossover.migration")) {
    sql += R"(
      UNION ALL SELECT format('table %s.%s: %s, copied %s', schema_name, table_name, policy, copied)
        FROM crossover.synced_table
      UNION ALL SELECT format('piece of a copy %s', id) FROM crossover.copy_piece
      UNION ALL SELECT format('position %s', direction) FROM crossover.position
      UNION ALL SELECT format('migration %s: %s %s', name, phase, moving_to)
        FROM crossover.migration)";
  }
  if (known("crossover.verification")) {
    sql +=
        " UNION ALL SELECT format('verification %s: %s of %s', direction, equal, tables) "
        "FROM crossover.verification";
  }
  const postgres::Rows rows = session.query(
      "SELECT string_agg($1 || line, E'\\n' ORDER BY line) FROM (" + sql + ") AS lines", {mark});
  return std::string(rows.text(0, 0));
}

inline std::string structures(const World& world) {
  return structure(world.old_db, "old: ") + "\n" + structure(world.new_db, "new: ");
}

/// What has come ("+ ...") and gone ("- ...") since `before`, some lines of it.
inline std::vector<std::string> structure_changes(const std::string& before, const World& world) {
  return sync::schema_difference(before, structures(world), 20);
}

/// Sessions and advisory locks that a killed program has left, once the server has had a moment.
inline std::int64_t left_behind(World& world) {
  static constexpr const char* count =
      "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') + "
      "(SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
      "AND application_name LIKE 'crossover %' AND application_name NOT LIKE 'crossover test %')";
  return left_after_a_moment([&] {
    std::int64_t left = 0;
    for (const sync::Side side : {sync::Side::old_side, sync::Side::new_side}) {
      postgres::Session session = world.databases.at(side).open("check");
      left += session.query(count).int64(0, 0);
    }
    return left;
  });
}

}  // namespace crossover::test
