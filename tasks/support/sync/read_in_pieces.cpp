#include "sync/read_in_pieces.h"

#include <fmt/format.h>

#include <utility>

#include "postgres/quote.h"
#include "sync/array.h"
#include "sync/row_difference.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

constexpr std::size_t keys_at_a_time = 1000;
constexpr std::string_view cursor = "crossover_changed_keys";

std::vector<RelationPages> relation_pages(Session& session, const SyncedTable& table) {
  const Rows rows = session.query(
      "SELECT n.nspname, c.relname, pg_relation_size(c.oid) / "
      "current_setting('block_size')::int "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relkind = 'r' AND c.oid = ANY (ARRAY(SELECT $1::regclass "
      "UNION SELECT relid FROM pg_partition_tree($1::regclass))) ORDER BY 1, 2",
      {table.table.quoted()});
  std::vector<RelationPages> relations;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    relations.push_back({{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))},
                         static_cast<std::uint64_t>(rows.int64(i, 2))});
  }
  return relations;
}

std::vector<std::string> arrays_of(const Rows& keys) {
  std::vector<TextArrayBuilder> builders(keys.columns());
  for (std::size_t row = 0; row < keys.size(); ++row) {
    for (std::size_t column = 0; column < keys.columns(); ++column) {
      builders[column].add(keys.text(row, column));
    }
  }
  std::vector<std::string> arrays;
  for (TextArrayBuilder& builder : builders) {
    arrays.push_back(builder.take());
  }
  return arrays;
}

}  // namespace

SideInPieces::SideInPieces(const SyncedTable& table, bool carried, std::vector<PageRange> ranges,
                           Take take)
    : table_(table), carried_(carried), ranges_(std::move(ranges)), take_(std::move(take)) {}

std::uint64_t SideInPieces::read_next(Session& session, const StopRequest& stop,
                                      const GivenUp& given_up) {
  std::uint64_t rows = 0;
  postgres::CopyOut out =
      session.copy_out(copy_keyed_range_sql(table_, carried_, ranges_.at(next_)));
  for (std::string_view text; out.read(text); ++rows) {
    stop.throw_if_requested();
    if (given_up) {
      return rows;
    }
    const std::size_t key = key_length(table_, text);
    take_(text.substr(0, key), text.substr(key + 1), true);
  }
  ++next_;
  return rows;
}

void SideInPieces::move(Session& from, Session& to, const std::vector<std::string>& keys) {
  const std::string sql = copy_keyed_rows_sql(table_, carried_, keys, part_read());
  take_all(from, sql, false);
  take_all(to, sql, true);
}

void SideInPieces::take_all(Session& session, const std::string& sql, bool there) {
  postgres::CopyOut out = session.copy_out(sql);
  for (std::string_view text; out.read(text);) {
    const std::size_t key = key_length(table_, text);
    take_(text.substr(0, key), text.substr(key + 1), there);
  }
}

void SideInPieces::keep_pages(Session& session) const {
  std::string relations;
  for (std::size_t i = 0; i < next_; ++i) {
    if (i == 0 || !(ranges_[i].relation == ranges_[i - 1].relation)) {
      relations += (relations.empty() ? "ONLY " : ", ONLY ") + ranges_[i].relation.quoted();
    }
  }
  if (!relations.empty()) {
    session.batch(fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", relations));
  }
}

// A condition on the row `t`: it lies in what was read.
std::string SideInPieces::part_read() const {
  std::string whole;
  std::string condition;
  for (std::size_t i = 0; i < next_; ++i) {
    const std::string relation = postgres::quote_literal(ranges_[i].relation.quoted());
    if (!ranges_[i].end) {
      whole += (whole.empty() ? "" : ", ") + relation;
    } else if (i + 1 == next_) {
      condition =
          fmt::format("t.tableoid = {}::regclass AND t.ctid < '({},0)'", relation, *ranges_[i].end);
    }
  }
  if (!whole.empty()) {
    condition += fmt::format("{}t.tableoid = ANY (ARRAY[{}]::regclass[])",
                             condition.empty() ? "" : " OR ", whole);
  }
  return condition.empty() ? "false" : "(" + condition + ")";
}

ReadInPieces::ReadInPieces(const SyncedTable& table, Direction direction,
                           const CommonSnapshot& first, std::uint64_t pages,
                           SideInPieces::Take source, SideInPieces::Take target)
    : table_(table),
      // The rows that only the new side had are known there, whichever way is being carried.
      source_(table, direction == Direction::reverse,
              split(relation_pages(first.source, table), pages), std::move(source)),
      target_(table, direction == Direction::forward,
              split(relation_pages(first.target, table), pages), std::move(target)) {}

bool ReadInPieces::read(const CommonSnapshot& now, const std::function<bool()>& enough,
                        const StopRequest& stop, Progress& progress) {
  run_parallel(2, [&](unsigned worker, const GivenUp& given_up) {
    SideInPieces& side = worker == 0 ? source_ : target_;
    Session& session = worker == 0 ? now.source : now.target;
    while (!side.done() && !given_up) {
      const std::uint64_t rows = side.read_next(session, stop, given_up);
      if (worker == 0) {
        progress.add(rows);
      }
      if (enough()) {
        return;
      }
    }
  });
  stop.throw_if_requested();
  return source_.done() && target_.done();
}

bool ReadInPieces::move(const CommonSnapshot& from, const CommonSnapshot& to) {
  source_.keep_pages(to.source);
  target_.keep_pages(to.target);
  if (to.source.query(whole_logged_sql(table_, from.point)).boolean(0, 0)) {
    return false;
  }
  to.source.batch(declare_logged_keys_sql(table_, from.point, cursor));
  const std::string fetch = fmt::format("FETCH {} FROM {}", keys_at_a_time, cursor);
  for (Rows keys = to.source.query(fetch); !keys.empty(); keys = to.source.query(fetch)) {
    const std::vector<std::string> arrays = arrays_of(keys);
    source_.move(from.source, to.source, arrays);
    target_.move(from.target, to.target, arrays);
  }
  to.source.batch(fmt::format("CLOSE {}", cursor));
  return true;
}

std::uint64_t pages_of(Session& session, const SyncedTable& table) {
  std::uint64_t pages = 0;
  for (const RelationPages& relation : relation_pages(session, table)) {
    pages += relation.pages;
  }
  return pages;
}

}  // namespace crossover::sync
