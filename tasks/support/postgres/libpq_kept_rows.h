#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>

#include "postgres/rows.h"

namespace crossover::postgres {

/// The rows of one answer that comes row by row, as long as there are bytes left for them. Not
/// thread-safe.
class KeptRows {
 public:
  /// `bytes_left` is borrowed: what is kept is taken off it.
  explicit KeptRows(std::uint64_t& bytes_left) : bytes_left_(bytes_left) {}

  /// `row` is a PGRES_SINGLE_TUPLE. Throws std::bad_alloc.
  void add(const PGresult* row);
  /// All rows, or none and how much they would have been; `end` is what came after the last.
  Rows take(std::shared_ptr<const PGresult> end);

 private:
  void give_up();

  std::uint64_t& bytes_left_;
  std::uint64_t bytes_ = 0;
  bool given_up_ = false;
  std::shared_ptr<PGresult> rows_;
};

}  // namespace crossover::postgres
