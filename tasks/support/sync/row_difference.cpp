#include "sync/row_difference.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "digest/sha256.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Session;

/// As much of a keyless row as is kept of it: enough to be recognised by a person.
constexpr std::size_t longest_row_as_key = 1000;

std::string keyless_key(std::string_view row) {
  return row.size() <= longest_row_as_key
             ? std::string(row)
             : fmt::format("{}... (SHA-256 {})\n", row.substr(0, longest_row_as_key),
                           digest::sha256(row));
}

std::vector<RowDigest> digest_buckets(Session& session, const SyncedTable& table, bool carried,
                                      const StopRequest& stop) {
  std::vector<RowDigest> buckets(bucket_count);
  visit_rows(session, table, carried, stop,
             [&](std::string_view key, std::string_view row) { buckets[bucket_of(key)].add(row); });
  return buckets;
}

// Adds the rows of those buckets to one side of `rows`; `known`: those of keys that are there.
void read_buckets(Session& session, const SyncedTable& table, bool carried,
                  const std::set<std::size_t>& wanted, bool known, const StopRequest& stop,
                  RowDigest KeyRows::*side, RowsByKey& rows) {
  visit_rows(session, table, carried, stop, [&](std::string_view key, std::string_view row) {
    if (!wanted.contains(bucket_of(key))) {
      return;
    }
    if (const auto found = rows.find(key); found != rows.end()) {
      (found->second.*side).add(row);
    } else if (!known) {
      (rows[std::string(key)].*side).add(row);
    }
  });
}

}  // namespace

std::size_t bucket_of(std::string_view key) {
  return std::hash<std::string_view>{}(key) % bucket_count;
}

std::size_t key_length(const SyncedTable& table, std::string_view keyed_row) {
  std::size_t end = 0;
  for (std::size_t k = 0; k < table.key.size(); ++k) {
    end = keyed_row.find('\t', end) + 1;
  }
  return end - 1;
}

void visit_rows(Session& session, const SyncedTable& table, bool carried, const StopRequest& stop,
                const std::function<void(std::string_view, std::string_view)>& visit) {
  postgres::CopyOut out = session.copy_out(copy_keyed_rows_sql(table, carried));
  for (std::string_view text; out.read(text);) {
    stop.throw_if_requested();
    if (table.keyless()) {
      visit(keyless_key(text), text);
      continue;
    }
    visit(text.substr(0, key_length(table, text)), text);
  }
}

RowsByKey differing_rows(Session& source, Session& target, const SyncedTable& table,
                         Direction direction, std::size_t most_buckets, const StopRequest& stop,
                         Differing which) {
  const bool source_is_new = direction == Direction::reverse;
  const auto left = digest_buckets(source, table, source_is_new, stop);
  const auto right = digest_buckets(target, table, !source_is_new, stop);
  std::set<std::size_t> wanted;
  const bool any = which == Differing::all;
  for (std::size_t i = 0; i < bucket_count && wanted.size() < most_buckets; ++i) {
    if (left[i] != right[i] && (any || right[i].rows() > 0)) {
      wanted.insert(i);
    }
  }
  RowsByKey rows;
  if (wanted.empty()) {
    return rows;
  }
  read_buckets(target, table, !source_is_new, wanted, false, stop, &KeyRows::target, rows);
  read_buckets(source, table, source_is_new, wanted, which == Differing::of_target, stop,
               &KeyRows::source, rows);
  std::erase_if(rows, [](const auto& entry) { return entry.second.source == entry.second.target; });
  return rows;
}

std::string_view kind(const KeyRows& rows) {
  if (rows.target.rows() == 0) {
    return "only in source";
  }
  return rows.source.rows() == 0 ? "only in target" : "different";
}

}  // namespace crossover::sync
