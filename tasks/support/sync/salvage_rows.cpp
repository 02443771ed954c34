#include "sync/salvage_rows.h"

#include <cstdint>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>

#include "sync/array.h"
#include "sync/cursor.h"
#include "sync/salvage_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

// Of rows that are shown, both databases together, but one at the least.
constexpr std::uint64_t most_bytes_shown = std::uint64_t{1} << 20U;

// One text[] a key column, of some of `keys`.
std::vector<postgres::Param> key_arrays(const SyncedTable& table, const Rows& keys,
                                        const std::vector<std::size_t>& rows) {
  std::vector<postgres::Param> arrays;
  for (std::size_t k = 0; k < table.key.size(); ++k) {
    TextArrayBuilder builder;
    for (const std::size_t row : rows) {
      builder.add(keys.text(row, k));
    }
    arrays.emplace_back(builder.take());
  }
  return arrays;
}

ShownRow shown(const Rows& rows, std::size_t row) {
  return rows.is_null(row, 0) ? std::nullopt : ShownRow(rows.text(row, 0));
}

// The second column of what present_rows_sql and all_digests_sql give.
std::uint64_t bytes_of(const Rows& rows, std::size_t row) {
  return rows.is_null(row, 1) ? 0 : static_cast<std::uint64_t>(rows.int64(row, 1));
}

/// By digest, how many more the new database has.
using Surplus = std::unordered_map<std::string, std::int64_t>;

void count_rows(Session& session, const SyncedTable& table, const StopRequest& stop,
                std::int64_t step, Surplus& surplus) {
  Cursor cursor(session, "salvage", all_digests_sql(table));
  for (Rows some; cursor.next(some);) {
    stop.throw_if_requested();
    for (std::size_t i = 0; i < some.size(); ++i) {
      surplus[std::string(some.text(i, 0))] += step;
    }
  }
}

// Two cursors in step: by the one it is known which rows are wanted and how wide they are, and the
// other fetches those.
class WantedRows {
 public:
  WantedRows(Session& session, const SyncedTable& table,
             const std::function<void(std::string_view)>& visit)
      : rows_(session, "salvage_shown", all_shown_sql(table)), visit_(visit) {}

  void pass() {
    fetch();
    ++passed_;
  }
  void want(std::uint64_t bytes) {
    if (bytes_ + bytes > most_bytes_shown) {
      fetch();
    }
    rows_.skip(std::exchange(passed_, 0));
    ++wanted_;
    bytes_ += bytes;
  }
  void fetch() {
    if (wanted_ > 0) {
      const Rows some = rows_.fetch(wanted_);
      for (std::size_t i = 0; i < wanted_; ++i) {
        visit_(some.text(i, 0));
      }
    }
    wanted_ = 0;
    bytes_ = 0;
  }

 private:
  Cursor rows_;
  const std::function<void(std::string_view)>& visit_;
  std::size_t passed_ = 0;  // since the last that was wanted
  std::size_t wanted_ = 0;  // and not fetched yet, in a row
  std::uint64_t bytes_ = 0;
};

void visit_surplus(Session& session, const SyncedTable& table, const StopRequest& stop,
                   std::int64_t step, Surplus& surplus,
                   const std::function<void(std::string_view)>& visit) {
  Cursor digests(session, "salvage", all_digests_sql(table));
  WantedRows rows(session, table, visit);
  for (Rows some; digests.next(some);) {
    stop.throw_if_requested();
    for (std::size_t i = 0; i < some.size(); ++i) {
      std::int64_t& left = surplus[std::string(some.text(i, 0))];
      if (left * step > 0) {
        left -= step;
        rows.want(bytes_of(some, i));
      } else {
        rows.pass();
      }
    }
  }
  rows.fetch();
}

}  // namespace

void look_up(Session& new_side, Session& old_side, const SyncedTable& table, KeyBatch& batch,
             LoggedKeys kept) {
  std::vector<std::size_t> all(batch.keys.size());
  std::iota(all.begin(), all.end(), 0);
  const auto arrays = key_arrays(table, batch.keys, all);
  batch.there = new_side.query(present_rows_sql(table, kept.there), arrays);
  batch.here = old_side.query(present_rows_sql(table, kept.here), arrays);
  batch.lost.clear();
}

void visit_rows(Session& new_side, Session& old_side, const SyncedTable& table,
                const KeyBatch& batch,
                const std::function<void(std::size_t, ShownRow, ShownRow)>& visit) {
  std::vector<std::size_t> some;
  std::uint64_t bytes = 0;
  const auto show = [&] {
    const auto arrays = key_arrays(table, batch.keys, some);
    const Rows there = new_side.query(shown_rows_sql(table), arrays);
    const Rows here = old_side.query(shown_rows_sql(table), arrays);
    for (std::size_t i = 0; i < some.size(); ++i) {
      visit(some[i], shown(there, i), shown(here, i));
    }
    some.clear();
    bytes = 0;
  };
  for (const std::size_t row : batch.lost) {
    const std::uint64_t width = bytes_of(batch.there, row) + bytes_of(batch.here, row);
    if (!some.empty() && bytes + width > most_bytes_shown) {
      show();
    }
    some.push_back(row);
    bytes += width;
  }
  if (!some.empty()) {
    show();
  }
}

void visit_surplus_rows(Session& new_side, Session& old_side, const SyncedTable& table,
                        const StopRequest& stop,
                        const std::function<void(std::string_view)>& visit_there,
                        const std::function<void(std::string_view)>& visit_here) {
  Surplus surplus;
  count_rows(new_side, table, stop, 1, surplus);
  count_rows(old_side, table, stop, -1, surplus);
  visit_surplus(new_side, table, stop, 1, surplus, visit_there);
  visit_surplus(old_side, table, stop, -1, surplus, visit_here);
}

}  // namespace crossover::sync
