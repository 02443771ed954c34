#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "postgres/libpq_connection.h"

namespace crossover::postgres {

/// Statements that are sent without waiting for the answers of those before (PostgreSQL manual
/// 34.5, "Pipeline Mode"). In that mode as long as it lives. Not thread-safe.
class Pipeline {
 public:
  /// `connection` is borrowed. `most_bytes` is for the answers of bounded statements.
  Pipeline(Connection& connection, std::uint64_t most_bytes);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// One result each, in order, or the first error, which names its statement. In one round trip,
  /// unless many are bounded: then the answers of some are taken before more is sent. What the
  /// sockets do not hold would wait for the server to read on, and that for its answers to be taken
  /// off, which libpq would hold as they come, without any bound.
  std::vector<Rows> run(const std::vector<Statement>& statements);

 private:
  [[noreturn]] void fail() const;
  void flush();
  void take_until(const std::vector<Statement>& statements, std::size_t end);
  void take(const Statement& statement);

  Connection& connection_;
  std::uint64_t bytes_left_;
  std::vector<Rows> results_;
  std::size_t taken_ = 0;
  std::unique_ptr<Error> first_error_;
};

}  // namespace crossover::postgres
