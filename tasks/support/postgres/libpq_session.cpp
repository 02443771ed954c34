#include <sys/socket.h>

#include <array>
#include <limits>

#include "base/error.h"
#include "postgres/libpq_connection.h"
#include "postgres/session.h"

namespace crossover::postgres {

bool Canceller::cancel() const noexcept {
  if (!handle_ || handle_->cancel == nullptr) return false;
  std::array<char, 256> cause{};
  return PQcancel(handle_->cancel, cause.data(), static_cast<int>(cause.size())) == 1;
}

void Canceller::cut_off() const noexcept {
  if (handle_) ::shutdown(handle_->socket, SHUT_RDWR);
}

Session::Session(const ConnectionOptions& options)
    : connection_(std::make_unique<Connection>(options)) {
  if (!options.plain) set_up(*connection_);
}

Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Rows Session::query(std::string_view sql, const std::vector<Param>& params) {
  return Rows(connection_->execute({.sql = std::string(sql), .params = params}));
}

Rows Session::execute_prepared(std::string_view name, const std::vector<Param>& params) {
  return Rows(connection_->execute({.params = params, .prepared = std::string(name)}));
}

void Session::prepare(std::string_view name, std::string_view sql) {
  connection_->prepare(name, sql);
}

void Session::batch(std::string_view sql) { connection_->execute_batch(sql); }

Rows Session::batch_last(std::string_view sql) { return Rows(connection_->execute_batch(sql)); }

std::vector<Rows> Session::pipeline(const std::vector<Statement>& statements) {
  return connection_->pipeline(statements, std::numeric_limits<std::uint64_t>::max());
}

std::vector<Rows> Session::pipeline(const std::vector<Statement>& statements,
                                    std::uint64_t most_bytes) {
  return connection_->pipeline(statements, most_bytes);
}

CopyOut Session::copy_out(std::string_view sql) {
  connection_->start_copy(sql, PGRES_COPY_OUT);
  return CopyOut(*connection_);
}

CopyIn Session::copy_in(std::string_view sql, std::chrono::milliseconds patience) {
  connection_->start_copy(sql, PGRES_COPY_IN, patience);
  return CopyIn(*connection_);
}

int Session::server_version() const { return PQserverVersion(connection_->get()); }

int Session::backend_pid() const { return PQbackendPID(connection_->get()); }

Canceller Session::canceller() const { return Canceller(connection_->cancel_handle()); }

bool Session::broken() const { return connection_->broken(); }

bool Session::in_transaction() const {
  const PGTransactionStatusType status = PQtransactionStatus(connection_->get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

bool Session::in_failed_transaction() const {
  return PQtransactionStatus(connection_->get()) == PQTRANS_INERROR;
}

const ConnectionOptions& Session::options() const { return connection_->options(); }

std::string Session::name() const { return describe(connection_->options()); }

}  // namespace crossover::postgres
