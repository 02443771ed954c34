#include "sync/drain_batch.h"

#include <algorithm>
#include <utility>

#include "sync/array.h"

namespace crossover::sync {
namespace {

// A row as one comparable text: NULL and the empty string differ, and no value can look like two.
std::vector<std::string> sorted_rows(const postgres::Rows& rows) {
  std::vector<std::string> texts;
  texts.reserve(rows.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    TextArrayBuilder builder;
    for (std::size_t c = 0; c < rows.columns(); ++c) {
      if (rows.is_null(r, c)) {
        builder.add_null();
      } else {
        builder.add(rows.text(r, c));
      }
    }
    texts.push_back(builder.take());
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

TableBatch plan_batch(const SyncedTable& table, std::string since, const postgres::Rows& logged,
                      std::optional<postgres::Rows> rows) {
  TableBatch batch;
  batch.table = &table;
  batch.since = std::move(since);
  if (logged.left_out() > 0) {
    batch.carry = table.keyless() ? Carry::whole : Carry::stream;
    return batch;
  }
  if (logged.empty()) {
    return batch;
  }
  std::vector<TextArrayBuilder> keys(table.key.size());
  for (std::size_t r = 0; r < logged.size(); ++r) {
    if (logged.boolean(r, 0)) {
      batch.carry = Carry::whole;
      return batch;
    }
    for (std::size_t k = 0; k < keys.size(); ++k) {
      keys[k].add(logged.text(r, k + 1));
    }
  }
  batch.key_count = logged.size();
  const bool few = rows && logged.size() <= most_keys_in_memory;
  batch.carry = few ? Carry::keys : Carry::stream;
  if (batch.carry == Carry::keys) {
    batch.rows = *std::move(rows);
    for (TextArrayBuilder& builder : keys) {
      batch.key_arrays.push_back(builder.take());
    }
  }
  return batch;
}

std::vector<postgres::Param> column_arrays(const postgres::Rows& rows) {
  std::vector<postgres::Param> arrays;
  for (std::size_t c = 0; c < rows.columns(); ++c) {
    TextArrayBuilder builder;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (rows.is_null(r, c)) {
        builder.add_null();
      } else {
        builder.add(rows.text(r, c));
      }
    }
    arrays.emplace_back(builder.take());
  }
  return arrays;
}

bool same_rows(const postgres::Rows& left, const postgres::Rows& right) {
  return left.size() == right.size() && sorted_rows(left) == sorted_rows(right);
}

}  // namespace crossover::sync
