#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "fixtures/moments.h"
#include "integration/data-sync/place.h"

namespace crossover::test {

/// Everything that Crossover has in a database but for the rows that change with each drain:
/// triggers and their states, functions, relations, what is recorded of the tables.
inline std::string structure(const sync::Database& database) {
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
  const postgres::Rows rows =
      session.query("SELECT string_agg(line, E'\\n' ORDER BY line) FROM (" + sql + ") AS lines");
  return std::string(rows.text(0, 0));
}

inline std::string structures(const World& world) {
  return structure(world.old_db) + "\n--- new ---\n" + structure(world.new_db);
}

/// The lines that only one of two structures has: "- " only the first, "+ " only the second.
inline std::string difference(const std::string& first, const std::string& second) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> all;
    std::string side;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      if (line == "--- new ---") {
        side = "new: ";
      } else {
        all.push_back(side + line);
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto before = lines(first);
  const auto after = lines(second);
  std::string text;
  const auto add = [&](const char* sign, const auto& from, const auto& without) {
    std::vector<std::string> only;
    std::set_difference(from.begin(), from.end(), without.begin(), without.end(),
                        std::back_inserter(only));
    for (const std::string& line : only) {
      text += sign + line + '\n';
    }
  };
  add("- ", before, after);
  add("+ ", after, before);
  return text;
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
