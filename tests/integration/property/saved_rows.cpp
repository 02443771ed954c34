#include "integration/property/saved_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "postgres/quote.h"

namespace crossover::test::property {

using postgres::Rows;
using sync::Side;

namespace {

std::multiset<std::string> rows_of(postgres::Session& session, const sync::SyncedTable& table) {
  std::string columns;
  for (const std::string& column : table.columns) {
    columns += (columns.empty() ? "" : ", ") + postgres::quote_identifier(column);
  }
  const Rows rows =
      session.query(fmt::format("SELECT ROW({})::text FROM {}", columns, table.only()));
  std::multiset<std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0));
  }
  return found;
}

}  // namespace

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
