#include "integration/property/saved_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "postgres/quote.h"
#include "sync/trigger_sql.h"

namespace crossover::test::property {

using postgres::Rows;
using sync::Side;

namespace {

std::multiset<std::string> texts_of(postgres::Session& session, const sync::SyncedTable& table,
                                    const std::vector<std::string>& columns,
                                    const std::string& condition) {
  std::string list;
  for (const std::string& column : columns) {
    list += (list.empty() ? "t." : ", t.") + postgres::quote_identifier(column);
  }
  const Rows rows = session.query(
      fmt::format("SELECT ROW({})::text FROM {} AS t {}", list, table.only(), condition));
  std::multiset<std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0));
  }
  return found;
}

std::multiset<std::string> rows_of(postgres::Session& session, const sync::SyncedTable& table) {
  return texts_of(session, table, table.columns, "");
}

// WHERE for the rows `t` whose key nobody has logged.
std::string unlogged(const sync::SyncedTable& table) {
  std::string match = "l.whole";
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    match += fmt::format("{}l.k{} {} t.{}", i == 0 ? " OR (" : " AND ", i + 1,
                         table.key_types[i].equals, postgres::quote_identifier(table.key[i]));
  }
  return fmt::format("WHERE NOT EXISTS (SELECT FROM {} AS l WHERE {}{})", sync::log_name(table),
                     match, table.keyless() ? "" : ")");
}

}  // namespace

RowCounts sum(RowCounts one, const RowCounts& other) {
  for (const auto& [table, count] : other) {
    one[table] += count;
  }
  return one;
}

RowCounts rows_brought_back(Site& site, Side live, const std::vector<sync::SyncedTable>& tables) {
  RowCounts counts;
  for (const sync::SyncedTable& table : tables) {
    const auto& columns = table.keyless() ? table.columns : table.key;
    const auto here = texts_of(site.look(live), table, columns, unlogged(table));
    const auto there = texts_of(site.look(sync::other(live)), table, columns, "");
    std::vector<std::string> only;
    std::set_difference(here.begin(), here.end(), there.begin(), there.end(),
                        std::back_inserter(only));
    if (!only.empty()) {
      counts[table.id] = static_cast<std::int64_t>(only.size());
    }
  }
  return counts;
}

RowCounts rows_only_behind(Site& site, Side live, const std::vector<sync::SyncedTable>& tables) {
  RowCounts counts;
  for (const sync::SyncedTable& table : tables) {
    const auto here = rows_of(site.look(live), table);
    const auto there = rows_of(site.look(sync::other(live)), table);
    std::vector<std::string> only;
    std::set_difference(there.begin(), there.end(), here.begin(), here.end(),
                        std::back_inserter(only));
    if (!only.empty()) {
      counts[table.id] = static_cast<std::int64_t>(only.size());
    }
  }
  return counts;
}

RowCounts saved_rows(Site& site, Side side) {
  const Rows rows = site.look(side).query(
      "SELECT table_id, count(*) FROM crossover.saved_row GROUP BY 1 ORDER BY 1");
  RowCounts counts;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    counts[static_cast<int>(rows.int64(i, 0))] = rows.int64(i, 1);
  }
  return counts;
}

std::string compare_saved(const RowCounts& before, const RowCounts& gave_way,
                          const RowCounts& after) {
  RowCounts expected = before;
  for (const auto& [table, count] : gave_way) {
    expected[table] += count;
  }
  std::string text;
  for (const auto& [table, count] : expected) {
    const auto found = after.find(table);
    const std::int64_t saved = found == after.end() ? 0 : found->second;
    if (saved != count) {
      text += fmt::format("of table {} {} rows are saved, not {}\n", table, saved, count);
    }
  }
  for (const auto& [table, count] : after) {
    if (!expected.contains(table)) {
      text += fmt::format("of table {} {} rows are saved, not 0\n", table, count);
    }
  }
  return text;
}

}  // namespace crossover::test::property
