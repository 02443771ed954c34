#include "sync/lost_rows.h"

#include <map>

#include "sync/copy_through.h"
#include "sync/lost_rows_sql.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

/// A txid_snapshot in which all is visible.
constexpr const char* everything = "9223372036854775807:9223372036854775807:";

// What was done on the target's side that the source does not have any more.
std::string_view operation(const KeyRows& rows) {
  if (rows.target.rows() == 0) {
    return "delete";
  }
  return rows.source.rows() == 0 ? "insert" : "update";
}

}  // namespace

LostRows::LostRows(Session& source, Session& target, const SyncedTable& table, Direction direction,
                   const FailoverFacts& facts, const StopRequest& stop)
    : source_(source),
      target_(target),
      table_(table),
      direction_(direction),
      facts_(facts),
      stop_(stop) {}

void LostRows::tell(const RowsByKey& rows) {
  const Entries of_all = of_whole_table();
  target_.batch(create_differing_sql(table_, of_all.any, of_all.carried));
  {
    postgres::CopyIn keys = target_.copy_in(copy_differing_sql(table_));
    for (const auto& [key, sides] : rows) {
      keys.write(key + "\t" + std::string(operation(sides)) + "\n");
    }
    keys.finish();
  }
  target_.batch(create_logged_sql(table_));
  if (!of_all.any) {
    copy_through(source_, copy_logged_since_sql(table_, facts_.mark.source, carried()), target_,
                 copy_logged_sql(table_));
    target_.batch(mark_logged_sql(table_));
  }
}

SavedRows LostRows::save_target_rows() {
  return save(save_given_way_sql(table_, facts_.mark.target));
}

SavedRows LostRows::save_deleted_rows() { return save(save_deleted_sql(table_)); }

void LostRows::delete_told() { target_.batch(delete_differing_sql(table_)); }

void LostRows::forget() { target_.batch(drop_differing_sql(table_)); }

SavedRows LostRows::save_keyless(const RowsByKey& rows, Session& beside) {
  SavedRows saved;
  const Entries entries = of_whole_table();
  if (entries.any && !beside.query(any_row_since_sql(table_, facts_.mark.target)).boolean(0, 0)) {
    return saved;
  }
  save_surplus(beside, direction_ == Direction::forward, rows, &KeyRows::source, "insert",
               !entries.carried, saved);
  if (!entries.any) {
    save_surplus(source_, direction_ == Direction::reverse, rows, &KeyRows::target, "delete", true,
                 saved);
  }
  return saved;
}

LostRows::Entries LostRows::of_whole_table() {
  if (!facts_.logged) {
    return {};
  }
  const Rows entries = source_.query(whole_logged_since_sql(table_, facts_.mark.source, carried()));
  return {entries.boolean(0, 0), entries.boolean(0, 1)};
}

// Where it is not known which rows were carried since the mark, one that was not may differ by what
// was written after the position.
std::string LostRows::carried() const {
  return facts_.mark.target == CarriedMark::nothing ? everything : facts_.carried;
}

SavedRows LostRows::save(const std::string& sql) {
  const Rows counts = target_.query(sql);
  return {static_cast<std::uint64_t>(counts.int64(0, 0)),
          static_cast<std::uint64_t>(counts.int64(0, 1))};
}

// The rows that a session's side has more often than the other, `less`.
void LostRows::save_surplus(Session& session, bool carried, const RowsByKey& rows,
                            RowDigest KeyRows::*less, std::string_view operation, bool certain,
                            SavedRows& saved) {
  std::map<std::string, std::uint64_t, std::less<>> kept;
  visit_rows(session, table_, carried, stop_, [&](std::string_view key, std::string_view row) {
    const auto found = rows.find(key);
    if (found != rows.end() && kept[found->first]++ >= (found->second.*less).rows()) {
      target_.query(save_row_sql(table_), {std::string(operation), certain ? "true" : "false",
                                           std::string(row.substr(0, row.size() - 1))});
      ++saved.all;
      saved.uncertain += certain ? 0 : 1;
    }
  });
}

}  // namespace crossover::sync
