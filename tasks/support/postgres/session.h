#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection_options.h"
#include "postgres/copy.h"
#include "postgres/quote.h"
#include "postgres/rows.h"

namespace crossover::postgres {

/// Cancels what a session is running, from any thread (PostgreSQL manual, "Canceling Queries in
/// Progress"). Copyable; works after the session has died (then it does nothing).
class Canceller {
 public:
  struct Handle;
  explicit Canceller(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}
  /// Asks the server, and waits for it; returns whether the request reached it. The cancelled call
  /// then throws
  /// Error{timeout} with SQLSTATE 57014, unless it was over before. Never throws.
  bool cancel() const noexcept;
  /// Ends the session's connection from our side without asking anybody, for where nothing answers
  /// any more: what waits there then throws as for a lost connection. Never blocks, never throws.
  void cut_off() const noexcept;

 private:
  std::shared_ptr<Handle> handle_;
};

/// An open connection to one PostgreSQL server (12 or newer), set up so that nothing which a role
/// or a database has configured changes what our statements mean: no time limits, UTC, ISO dates,
/// UTF8, search_path pg_catalog (so every name must be qualified), row_security off, READ
/// COMMITTED, read-write, synchronous_commit on, the login role.
///
/// Move-only. Used by one thread at a time, but for `canceller()`.
///
/// Errors of statements: `unable to run a statement on 'HOST:PORT/DB': <message> (<detail>)`, the
/// SQLSTATE kept, never the statement's text or values. Kind by SQLSTATE: 57014 and 55P03 are
/// `timeout`; 28xxx, 3D000, 42501 and 25006 are `precondition`; the rest is `failure`. A lost
/// connection is 08006, `broken()` is true from then on, and no statement is ever repeated.
class Session {
 public:
  /// Connects, checks and sets up. Throws Error, `unable to connect to 'HOST:PORT/DB': <cause>`, or
  /// Error{precondition} when the server is a standby, a pooler, or older than 12.
  explicit Session(const ConnectionOptions& options);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Runs one statement by the extended protocol.
  Rows query(std::string_view sql, const std::vector<Param>& params = {});
  /// Runs a statement that `prepare` made.
  Rows execute_prepared(std::string_view name, const std::vector<Param>& params = {});
  /// Makes a prepared statement of this session; the types of its parameters are inferred.
  void prepare(std::string_view name, std::string_view sql);
  /// Sends several statements as one message and drops their results. Outside of a transaction
  /// block they are one implicit transaction. The first error is thrown, later statements do not
  /// run.
  void batch(std::string_view sql);
  /// The same, but returns the rows of the last statement.
  Rows batch_last(std::string_view sql);
  /// Sends several parameterised statements in one round trip; one result each, in order. Outside
  /// of a transaction block they are one implicit transaction. After the first error, which is
  /// thrown with context "statement N" (from 1), nothing more runs.
  std::vector<Rows> pipeline(const std::vector<Statement>& statements);
  /// The same, but the answers of statements that are `bounded` may take `most_bytes` of memory
  /// together. One that does not fit is read to its end, row by row, and left out
  /// (Rows::left_out); those after it may fit again. A row is held whole while it is read.
  std::vector<Rows> pipeline(const std::vector<Statement>& statements, std::uint64_t most_bytes);

  /// Starts COPY (...) TO STDOUT.
  CopyOut copy_out(std::string_view sql);
  /// Starts COPY ... FROM STDIN. Until its end the server may take nothing in for as long as
  /// `patience` before the connection counts as lost, where that is more than `tcp_user_timeout`:
  /// to the kernel a server whose disk stands still looks as one that is not there.
  CopyIn copy_in(std::string_view sql, std::chrono::milliseconds patience = {});

  /// For example 170005.
  int server_version() const;
  int backend_pid() const;
  Canceller canceller() const;
  /// The connection is gone; this object is of no more use.
  bool broken() const;
  /// In a transaction block, failed or not.
  bool in_transaction() const;
  bool in_failed_transaction() const;
  const ConnectionOptions& options() const;
  /// "HOST:PORT/DATABASE".
  std::string name() const;

 private:
  std::unique_ptr<Connection> connection_;
};

/// The modes of a transaction that reads everything in one snapshot.
inline constexpr std::string_view one_snapshot = "ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A transaction block. Borrows the session, which must outlive it and may not be moved meanwhile.
class Transaction {
 public:
  /// BEGIN with `modes`, for example `one_snapshot`.
  explicit Transaction(Session& session, std::string_view modes = "");
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  /// Rolls back if neither commit nor rollback was called. Never throws.
  ~Transaction();

  /// Throws Error with SQLSTATE
  ///  - 08007 when the connection was lost after COMMIT had been sent: whether it was done is not
  ///    known ("in doubt"). Never repeat it blindly. Not of a READ ONLY transaction, which leaves
  ///    nothing to doubt: 08006;
  ///  - 25P02 when the server rolled back because an earlier statement had failed;
  ///  - the server's own (deferred constraints, 40001): rolled back for certain.
  void commit();
  /// Sends `last_statements` and COMMIT in one round trip. When one of them fails, nothing is
  /// committed.
  void commit_with(std::string_view last_statements);
  void rollback();

 private:
  void commit_batch(const std::string& sql);
  Session* session_;
  bool read_only_;
  bool open_ = true;
};

}  // namespace crossover::postgres
