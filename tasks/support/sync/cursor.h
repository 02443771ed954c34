#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "postgres/session.h"

namespace crossover::sync {

/// The rows of a query, some at a time (PostgreSQL manual, DECLARE), in the transaction that is
/// open; closed with this object at the latest. Not thread-safe.
class Cursor {
 public:
  /// `session` is borrowed; `name` is an identifier that no other cursor of it has.
  Cursor(postgres::Session& session, std::string name, const std::string& query);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// The next rows: few at first, and more as long as they are narrow. False after the last.
  bool next(postgres::Rows& rows);
  /// The next `count` rows, or those that are left.
  postgres::Rows fetch(std::size_t count);
  void skip(std::size_t count);

 private:
  postgres::Session& session_;
  std::string name_;
  std::uint64_t at_once_ = 16;
};

}  // namespace crossover::sync
