#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pg_result;  // libpq's own tag, so that its header stays in the libpq_* files

namespace crossover::postgres {

/// A parameter in PostgreSQL's text form; nullopt is NULL.
using Param = std::optional<std::string>;

/// One parameterised statement ($1, $2, ...).
struct Statement {
  std::string sql{};
  std::vector<Param> params{};
  /// Runs the statement of this name that `Session::prepare` made, instead of `sql`.
  std::string prepared{};
  /// Its rows may be left out of a pipeline's answer where they are more than is allowed there.
  bool bounded = false;
};

/// The result of one statement. Cheap to copy (shares the result), immutable, and usable from any
/// thread after it was made. Rows and columns count from 0; one that does not exist is a
/// programming error and throws std::out_of_range.
class Rows {
 public:
  Rows() = default;
  explicit Rows(std::shared_ptr<const pg_result> result, std::uint64_t bytes = 0,
                std::uint64_t left_out = 0)
      : result_(std::move(result)), bytes_(bytes), left_out_(left_out) {}

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  std::size_t columns() const;
  bool is_null(std::size_t row, std::size_t column) const;
  /// The value's text form; empty for NULL. Lives as long as any copy of this object.
  std::string_view text(std::size_t row, std::size_t column) const;
  /// The same as an own string; nullopt for NULL.
  Param value(std::size_t row, std::size_t column) const;
  /// Throws Error{failure} when the value is NULL or no integer in range.
  std::int64_t int64(std::size_t row, std::size_t column) const;
  /// True for "t". Throws Error{failure} when the value is neither "t" nor "f".
  bool boolean(std::size_t row, std::size_t column) const;
  /// How many rows the statement touched (of INSERT, UPDATE, DELETE, MERGE, COPY, SELECT ...).
  std::size_t affected() const;
  /// Of the answer to a bounded statement: about how much memory its rows take, and the same of
  /// rows that were more than was allowed. Those are gone: where this is not 0 there are no rows.
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t left_out() const { return left_out_; }
  /// For example "INSERT 0 1" or "ROLLBACK".
  std::string_view command_tag() const;
  std::string column_name(std::size_t column) const;
  /// The type's oid.
  std::uint32_t column_type(std::size_t column) const;

 private:
  const char* at(std::size_t row, std::size_t column) const;
  std::shared_ptr<const pg_result> result_;
  std::uint64_t bytes_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace crossover::postgres
