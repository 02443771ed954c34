#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "postgres/connection_options.h"
#include "postgres/rows.h"
#include "postgres/session.h"

namespace crossover::postgres {

using Result = std::shared_ptr<const PGresult>;

/// Takes what libpq has made; may be null.
Result own(PGresult* result);
bool succeeded(const PGresult* result);

/// What a Canceller shares with its session.
struct Canceller::Handle {
  explicit Handle(PGconn* connection);
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  PGcancel* cancel;
  int socket;  ///< of our own, so that it is the session's for as long as anybody has this
};

/// libpq's connection with its results checked. Not thread-safe.
class Connection {
 public:
  /// Connects within `options.connect_timeout`; sets nothing up yet.
  explicit Connection(const ConnectionOptions& options);

  PGconn* get() const { return connection_.get(); }
  const ConnectionOptions& options() const { return options_; }
  bool broken() const { return PQstatus(get()) != CONNECTION_OK; }
  std::shared_ptr<Canceller::Handle> cancel_handle() const { return cancel_; }

  Result execute(const Statement& statement);
  Result execute_batch(std::string_view sql);
  void prepare(std::string_view name, std::string_view sql);
  /// 1 when it could be sent, or, in a pipeline, put into the buffer; 0 otherwise, as libpq.
  int send(const Statement& statement);
  std::vector<Rows> pipeline(const std::vector<Statement>& statements, std::uint64_t most_bytes);
  /// Starts a COPY; `expected` is PGRES_COPY_IN or PGRES_COPY_OUT. Until its end `patience` stands
  /// in for a shorter tcp_user_timeout.
  void start_copy(std::string_view sql, ExecStatusType expected,
                  std::chrono::milliseconds patience = {});
  /// Takes what is left of the results of a COPY that has ended: the first error, or else the last
  /// result. Never null.
  Result end_copy();
  /// The COPY is over and its results are swallowed, whatever they are. Never throws.
  void discard_copy() noexcept;

  Error error_of(const PGresult* result) const;
  [[noreturn]] void fail(const PGresult* result) const;

 private:
  struct Close {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  void await_connection();
  void refuse_while_copying() const;
  /// Takes all results of what was sent (`sent`: libpq's answer to sending): the first error is
  /// thrown, else the last result returned, or the one that starts a COPY.
  Result finish_statement(int sent);
  Result without_copy(Result result);
  void set_tcp_user_timeout(std::chrono::milliseconds timeout) noexcept;
  void leave_copy() noexcept;

  ConnectionOptions options_;
  std::unique_ptr<PGconn, Close> connection_;
  std::shared_ptr<Canceller::Handle> cancel_;
  bool copying_ = false;
};

/// Refuses poolers, standbys and old servers, then makes every server setting what Session
/// promises.
void set_up(Connection& connection);

}  // namespace crossover::postgres
