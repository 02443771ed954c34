#include "postgres/libpq_kept_rows.h"

#include <new>
#include <utility>

namespace crossover::postgres {
namespace {

// What libpq takes for a value beside its text: where it is, how long it is, and the zero at its
// end.
constexpr std::uint64_t around_value = 24;

std::uint64_t size_of(const PGresult* row) {
  std::uint64_t bytes = 0;
  for (int column = 0; column < PQnfields(row); ++column) {
    bytes += static_cast<std::uint64_t>(PQgetlength(row, 0, column)) + around_value;
  }
  return bytes;
}

}  // namespace

void KeptRows::add(const PGresult* row) {
  const std::uint64_t size = size_of(row);
  bytes_ += size;
  if (given_up_ || size > bytes_left_) {
    give_up();
    return;
  }
  bytes_left_ -= size;
  if (!rows_) {
    rows_ = {PQcopyResult(row, PG_COPYRES_ATTRS), PQclear};
    if (!rows_) throw std::bad_alloc();
  }
  const int last = PQntuples(rows_.get());
  for (int column = 0; column < PQnfields(row); ++column) {
    // Of a NULL there is no value: its length says so.
    const bool null = PQgetisnull(row, 0, column) == 1;
    if (PQsetvalue(rows_.get(), last, column, null ? nullptr : PQgetvalue(row, 0, column),
                   null ? -1 : PQgetlength(row, 0, column)) != 1) {
      throw std::bad_alloc();
    }
  }
}

void KeptRows::give_up() {
  if (std::exchange(given_up_, true)) return;
  for (int row = 0; rows_ && row < PQntuples(rows_.get()); ++row) {
    for (int column = 0; column < PQnfields(rows_.get()); ++column) {
      bytes_left_ +=
          static_cast<std::uint64_t>(PQgetlength(rows_.get(), row, column)) + around_value;
    }
  }
  rows_.reset();
}

Rows KeptRows::take(std::shared_ptr<const PGresult> end) {
  if (given_up_) return Rows(std::move(end), 0, bytes_);
  if (!rows_) return Rows(std::move(end));
  return Rows(std::move(rows_), bytes_);
}

}  // namespace crossover::postgres
