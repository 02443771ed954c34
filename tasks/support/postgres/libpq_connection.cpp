#include "postgres/libpq_connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "postgres/libpq_error.h"
#include "postgres/libpq_pipeline.h"
#include "postgres/sqlstate.h"

namespace crossover::postgres {

namespace {

using std::chrono::steady_clock;

// libpq prints notices on stderr by itself, which is where our log is.
void drop_notice(void* /*argument*/, const PGresult* /*notice*/) {}

/// Names and values for PQconnectStartParams; empty values are left out, so that libpq's defaults
/// hold for them.
class Keywords {
 public:
  explicit Keywords(const ConnectionOptions& options)
      : port_(std::to_string(options.port)),
        tcp_user_timeout_(std::to_string(options.tcp_user_timeout.count())) {
    add("host", options.host);
    add("hostaddr", options.hostaddr);
    add("port", port_);
    add("dbname", options.database);
    add("user", options.user);
    add("password", options.password.reveal());
    add("sslmode", options.sslmode);
    add("sslrootcert", options.sslrootcert);
    add("sslcert", options.sslcert);
    add("sslkey", options.sslkey);
    add("application_name", options.application_name);
    add("client_encoding", utf8_);
    // The one setting that can't wait until we are connected: a role's own would end our set-up.
    if (!options.plain) add("options", "-c statement_timeout=0");
    // A Kerberos ticket that happens to lie about must not change how we are encrypted.
    add("gssencmode", disable_);
    add("keepalives_idle", "5");
    add("keepalives_interval", "1");
    add("keepalives_count", "5");
    add("tcp_user_timeout", tcp_user_timeout_);
    names_.push_back(nullptr);
    values_.push_back(nullptr);
  }
  const char* const* names() const { return names_.data(); }
  const char* const* values() const { return values_.data(); }

 private:
  void add(const char* name, const std::string& value) {
    if (!value.empty()) add(name, value.c_str());
  }
  void add(const char* name, const char* value) {
    names_.push_back(name);
    values_.push_back(value);
  }

  std::string port_;
  std::string tcp_user_timeout_;
  std::string utf8_ = "UTF8";
  std::string disable_ = "disable";
  std::vector<const char*> names_;
  std::vector<const char*> values_;
};

/// Waits until the socket is ready for `events`; false when `deadline` passed first.
bool wait_for_socket(int socket, short events, steady_clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool is_copy(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT;
}

std::vector<const char*> pointers(const std::vector<Param>& params) {
  std::vector<const char*> out;
  out.reserve(params.size());
  for (const Param& param : params) out.push_back(param ? param->c_str() : nullptr);
  return out;
}

}  // namespace

Result own(PGresult* result) {
  return {result, [](PGresult* r) { PQclear(r); }};
}

bool succeeded(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      return true;
    default:
      return false;
  }
}

Canceller::Handle::Handle(PGconn* connection)
    : cancel(PQgetCancel(connection)), socket(::fcntl(PQsocket(connection), F_DUPFD_CLOEXEC, 0)) {}

Canceller::Handle::~Handle() {
  PQfreeCancel(cancel);
  if (socket >= 0) ::close(socket);
}

Connection::Connection(const ConnectionOptions& options) : options_(options) {
  const Keywords keywords(options_);
  connection_.reset(PQconnectStartParams(keywords.names(), keywords.values(), 0));
  if (!connection_) throw std::bad_alloc();
  PQsetNoticeReceiver(get(), drop_notice, nullptr);
  // Verbose, since that is the only way to learn the SQLSTATE of a refused log-in.
  PQsetErrorVerbosity(get(), PQERRORS_VERBOSE);
  await_connection();
  PQsetErrorVerbosity(get(), PQERRORS_DEFAULT);
  cancel_ = std::make_shared<Canceller::Handle>(get());
}

void Connection::await_connection() {
  const auto deadline = steady_clock::now() + options_.connect_timeout;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  if (PQstatus(get()) == CONNECTION_BAD) throw connect_error(options_, PQerrorMessage(get()));
  while (state != PGRES_POLLING_OK) {
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for_socket(PQsocket(get()), events, deadline)) {
      throw connect_error(
          options_, "no answer within " + std::to_string(options_.connect_timeout.count()) + " s");
    }
    state = PQconnectPoll(get());
    if (state == PGRES_POLLING_FAILED) throw connect_error(options_, PQerrorMessage(get()));
  }
}

// Where sending has failed, libpq says so before it gives the connection up, which it does when it
// next reads.
Error Connection::error_of(const PGresult* result) const {
  Error error = statement_error(options_, get(), result);
  if (error.sqlstate().empty() && !broken()) {
    PQconsumeInput(get());
    if (broken()) error.set_sqlstate(std::string(sqlstate::connection_lost));
  }
  return error;
}

void Connection::fail(const PGresult* result) const { throw error_of(result); }

void Connection::refuse_while_copying() const {
  if (copying_) {
    throw Error(ErrorKind::failure, "unable to run a statement on '" + describe(options_) +
                                        "': a copy is in progress in this session");
  }
}

// PQexec would do, but it returns the last result: where the server ends a session it sends the
// reason first, and "server closed the connection" would hide it.
Result Connection::finish_statement(int sent) {
  if (sent != 1) fail(nullptr);
  Result first_error;
  Result last;
  while (PGresult* raw = PQgetResult(get())) {
    last = own(raw);
    if (is_copy(raw)) return last;
    if (!first_error && !succeeded(raw)) first_error = last;
    if (broken()) break;
  }
  if (first_error || !last) fail(first_error.get());
  return last;
}

Result Connection::without_copy(Result result) {
  if (!is_copy(result.get())) return result;
  if (PQresultStatus(result.get()) == PGRES_COPY_IN) {
    PQputCopyEnd(get(), "not expected");
  } else {
    char* row = nullptr;
    while (PQgetCopyData(get(), &row, 0) > 0) PQfreemem(row);
  }
  discard_copy();
  throw Error(ErrorKind::failure, "unable to run a statement on '" + describe(options_) +
                                      "': a copy was started where none is expected");
}

Result Connection::execute(const Statement& statement) {
  refuse_while_copying();
  return without_copy(finish_statement(send(statement)));
}

Result Connection::execute_batch(std::string_view sql) {
  refuse_while_copying();
  return without_copy(finish_statement(PQsendQuery(get(), std::string(sql).c_str())));
}

void Connection::prepare(std::string_view name, std::string_view sql) {
  refuse_while_copying();
  finish_statement(
      PQsendPrepare(get(), std::string(name).c_str(), std::string(sql).c_str(), 0, nullptr));
}

int Connection::send(const Statement& statement) {
  const auto values = pointers(statement.params);
  const int count = static_cast<int>(values.size());
  return statement.prepared.empty() ? PQsendQueryParams(get(), statement.sql.c_str(), count,
                                                        nullptr, values.data(), nullptr, nullptr, 0)
                                    : PQsendQueryPrepared(get(), statement.prepared.c_str(), count,
                                                          values.data(), nullptr, nullptr, 0);
}

std::vector<Rows> Connection::pipeline(const std::vector<Statement>& statements,
                                       std::uint64_t most_bytes) {
  refuse_while_copying();
  if (statements.empty()) return {};
  return Pipeline(*this, most_bytes).run(statements);
}

// A socket that has no such option is none that a network could lose.
void Connection::set_tcp_user_timeout(std::chrono::milliseconds timeout) noexcept {
  const auto value = static_cast<unsigned>(timeout.count());
  ::setsockopt(PQsocket(get()), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

void Connection::start_copy(std::string_view sql, ExecStatusType expected,
                            std::chrono::milliseconds patience) {
  refuse_while_copying();
  const Result result = finish_statement(PQsendQuery(get(), std::string(sql).c_str()));
  if (PQresultStatus(result.get()) != expected) {
    without_copy(result);
    throw Error(ErrorKind::failure,
                "unable to run a statement on '" + describe(options_) + "': it started no copy");
  }
  set_tcp_user_timeout(std::max(patience, options_.tcp_user_timeout));
  copying_ = true;
}

void Connection::leave_copy() noexcept {
  copying_ = false;
  set_tcp_user_timeout(options_.tcp_user_timeout);
}

Result Connection::end_copy() {
  struct Leave {
    Connection* connection;
    ~Leave() { connection->leave_copy(); }
  };
  const Leave leave{this};
  return finish_statement(1);
}

void Connection::discard_copy() noexcept {
  while (PGresult* raw = PQgetResult(get())) {
    PQclear(raw);
    if (broken()) break;
  }
  leave_copy();
}

}  // namespace crossover::postgres
