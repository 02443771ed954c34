#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "postgres/session.h"

namespace crossover::sync {

/// The digest of a set of rows in whatever order: their number and the sum, modulo 2^128, of the
/// first 128 bits of each row's SHA-256. Rows are taken in COPY's text form, which is the same in
/// all supported versions.
class RowDigest {
 public:
  void add(std::string_view row);
  /// Of a row that was added.
  void remove(std::string_view row);
  std::uint64_t rows() const { return rows_; }
  bool operator==(const RowDigest&) const = default;
  std::string hex() const;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
  std::uint64_t rows_ = 0;
};

/// Runs COPY (...) TO STDOUT and digests what comes; the rows are added to `progress`.
RowDigest digest_copy(postgres::Session& session, std::string_view copy_sql, Progress& progress);
RowDigest digest_copy(postgres::Session& session, std::string_view copy_sql);

}  // namespace crossover::sync
