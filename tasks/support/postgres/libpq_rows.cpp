#include <libpq-fe.h>

#include <charconv>
#include <stdexcept>

#include "base/error.h"
#include "postgres/rows.h"

namespace crossover::postgres {

std::size_t Rows::size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }

std::size_t Rows::columns() const { return static_cast<std::size_t>(PQnfields(result_.get())); }

const char* Rows::at(std::size_t row, std::size_t column) const {
  if (row >= size() || column >= columns()) {
    throw std::out_of_range("no row " + std::to_string(row) + " or column " +
                            std::to_string(column) + " in the result");
  }
  return PQgetvalue(result_.get(), static_cast<int>(row), static_cast<int>(column));
}

bool Rows::is_null(std::size_t row, std::size_t column) const {
  at(row, column);
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) == 1;
}

std::string_view Rows::text(std::size_t row, std::size_t column) const {
  const char* value = at(row, column);
  const int length = PQgetlength(result_.get(), static_cast<int>(row), static_cast<int>(column));
  return {value, static_cast<std::size_t>(length)};
}

Param Rows::value(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return std::nullopt;
  return std::string(text(row, column));
}

std::int64_t Rows::int64(std::size_t row, std::size_t column) const {
  const std::string_view value = text(row, column);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    throw Error(ErrorKind::failure,
                "unable to read '" + column_name(column) + "': the server sent no integer for it");
  }
  return number;
}

bool Rows::boolean(std::size_t row, std::size_t column) const {
  const std::string_view value = text(row, column);
  if (value == "t") return true;
  if (value == "f") return false;
  throw Error(ErrorKind::failure,
              "unable to read '" + column_name(column) + "': the server sent no boolean for it");
}

// PQcmdTuples and PQcmdStatus take a result that is not const, though they only read it.
std::size_t Rows::affected() const {
  const std::string_view digits =
      result_ ? PQcmdTuples(const_cast<pg_result*>(result_.get())) : std::string_view();
  std::size_t count = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return count;
}

std::string_view Rows::command_tag() const {
  if (!result_) return {};
  return PQcmdStatus(const_cast<pg_result*>(result_.get()));
}

std::string Rows::column_name(std::size_t column) const {
  const char* name = PQfname(result_.get(), static_cast<int>(column));
  if (name == nullptr) {
    throw std::out_of_range("no column " + std::to_string(column) + " in the result");
  }
  return name;
}

std::uint32_t Rows::column_type(std::size_t column) const {
  return PQftype(result_.get(), static_cast<int>(column));
}

}  // namespace crossover::postgres
