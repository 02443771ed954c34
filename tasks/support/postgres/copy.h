#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace crossover::postgres {

class Connection;  // libpq's connection, see libpq_connection.h

/// The rows that leave the server by COPY ... TO STDOUT. Borrowed from its Session, which must
/// outlive it (but may be moved) and can't run anything else until the stream has ended. The bytes
/// are passed through as they are, so text, CSV and binary all work.
class CopyOut {
 public:
  explicit CopyOut(Connection& connection) : connection_(&connection) {}
  CopyOut(CopyOut&& other) noexcept;
  CopyOut& operator=(CopyOut&&) = delete;
  CopyOut(const CopyOut&) = delete;
  CopyOut& operator=(const CopyOut&) = delete;
  /// Cancels what was not read.
  ~CopyOut();

  /// Next piece (a whole row, in text form with its line end). Returns false at the end. The view
  /// is valid until the next call. Throws Error when the server failed half-way.
  bool read(std::string_view& chunk);
  /// Ends the stream early: cancels the statement and swallows the rest.
  void cancel();
  /// How many rows there were; valid after `read` returned false.
  std::uint64_t rows() const { return rows_; }

 private:
  void release() noexcept;
  Connection* connection_ = nullptr;
  char* buffer_ = nullptr;  // libpq's, freed by PQfreemem
  bool done_ = false;
  std::uint64_t rows_ = 0;
};

/// The rows that go to the server by COPY ... FROM STDIN. Borrowed from its Session as CopyOut is.
class CopyIn {
 public:
  explicit CopyIn(Connection& connection) : connection_(&connection) {}
  CopyIn(CopyIn&& other) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;
  /// Aborts a copy that was not finished: the server then discards all of its rows.
  ~CopyIn();

  /// Sends bytes; they need not end at a row's end.
  void write(std::string_view bytes);
  /// Ends the copy; returns how many rows the server took. Throws the server's error if there was
  /// one at any time since the start.
  std::uint64_t finish();
  /// Makes the server fail the statement with `reason`, and swallows that failure. Inside a
  /// transaction block the transaction is failed afterwards.
  void abort(std::string_view reason);

 private:
  Connection* connection_ = nullptr;
  bool done_ = false;
};

}  // namespace crossover::postgres
