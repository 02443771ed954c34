#include "integration/property/lost_writes.h"

#include <fmt/format.h>

#include <set>

#include "postgres/quote.h"

namespace crossover::test::property {

using postgres::Rows;
using sync::Side;
using sync::SyncedTable;

namespace {

std::string row_of(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) {
    list += (list.empty() ? "t." : ", t.") + postgres::quote_identifier(column);
  }
  return fmt::format("ROW({})::text", list);
}

// Key, row, and the row as JSON.
Rows keyed_rows(postgres::Session& session, const SyncedTable& table) {
  return session.query(fmt::format("SELECT {}, {}, to_json(t.*)::text FROM {} AS t",
                                   row_of(table.key), row_of(table.columns), table.only()));
}

std::map<std::string, std::string> by_key(const Rows& rows) {
  std::map<std::string, std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0), rows.text(i, 1));
  }
  return found;
}

bool has(const std::map<std::string, std::string>& rows, const std::string& key,
         const std::string& row) {
  const auto found = rows.find(key);
  return found != rows.end() && found->second == row;
}

}  // namespace

LostWrites::LostWrites(Site& site, Side live, const std::vector<SyncedTable>& tables, bool ahead)
    : site_(site),
      live_(live),
      tables_(tables),
      ahead_(ahead),
      listed_before_(site.look(sync::other(live))
                         .query("SELECT coalesce(max(id), 0) FROM crossover.saved_row")
                         .int64(0, 0)) {
  for (const SyncedTable& table : tables) {
    if (table.keyless()) {
      continue;
    }
    const Rows behind = keyed_rows(site.look(sync::other(live)), table);
    Known& known = known_[table.id];
    known.behind = by_key(behind);
    for (std::size_t i = 0; i < behind.size(); ++i) {
      known.keys.emplace(behind.text(i, 2), behind.text(i, 0));
    }
    known.live = by_key(keyed_rows(site.look(live), table));
  }
}

std::string LostWrites::differences() {
  std::string text;
  for (const SyncedTable& table : tables_) {
    if (const auto known = known_.find(table.id); known != known_.end()) {
      text += differences(table, known->second);
    }
  }
  return text;
}

std::string LostWrites::differences(const SyncedTable& table, const Known& known) {
  const RowByKey now = by_key(keyed_rows(site_.look(live_), table));
  const Rows listed = site_.look(sync::other(live_))
                          .query(
                              "SELECT operation, certain, content::text FROM "
                              "crossover.saved_row WHERE table_id = $1 AND id > $2",
                              {std::to_string(table.id), std::to_string(listed_before_)});
  std::string text;
  const auto object = [&](std::string_view what, std::string_view row) {
    text += fmt::format("of {} {}: {}\n", table.table.text(), what, row);
  };
  std::set<std::string> in_list;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const bool certain = listed.boolean(i, 1);
    const std::string row(listed.text(i, 2));
    if (certain && !ahead_) {
      object("a row is listed as lost and nothing was", row);
    }
    if (listed.text(i, 0) == "delete") {
      continue;  // the row is the live side's, and the side behind had none of that key
    }
    const auto key = known.keys.find(row);
    if (key == known.keys.end()) {
      object("a row is listed that was not there", row);
      continue;
    }
    in_list.insert(key->second);
    const std::string& behind = known.behind.at(key->second);
    if (certain && has(known.live, key->second, behind)) {
      object("a row is listed as lost that was not", row);
    }
    if (has(now, key->second, behind)) {
      object("a row is listed that gave way to nothing", row);
    }
  }
  for (const auto& [key, row] : known.behind) {
    if (ahead_ && !has(known.live, key, row) && !has(now, key, row) && !in_list.contains(key)) {
      object("a lost row is not listed", row);
    }
  }
  return text;
}

}  // namespace crossover::test::property
