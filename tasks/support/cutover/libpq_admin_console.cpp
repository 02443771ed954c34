#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <utility>
#include <vector>

#include "base/error.h"
#include "cutover/admin_console.h"

namespace crossover::cutover {
namespace {

std::string first_line(const char* text) {
  std::string line(text == nullptr ? "" : text);
  line.erase(std::min(line.find('\n'), line.size()));
  for (const std::string_view prefix : {"ERROR:  ", "FATAL:  "}) {
    if (line.starts_with(prefix)) {
      line.erase(0, prefix.size());
    }
  }
  return line.empty() ? "the connection was lost" : line;
}

// Keywords and values for PQconnectStartParams; the values live as long as this object.
class Parameters {
 public:
  explicit Parameters(const postgres::ConnectionOptions& address) {
    add("host", address.host);
    add("hostaddr", address.hostaddr);
    add("port", std::to_string(address.port));
    add("dbname", "pgbouncer");
    add("user", address.user);
    add("password", address.password.reveal());
    add("sslmode", address.sslmode);
    add("sslrootcert", address.sslrootcert);
    add("application_name", address.application_name);
    add("tcp_user_timeout", std::to_string(address.tcp_user_timeout.count()));
    // Without this the environment's PGSSL..., PGOPTIONS and service files would have a say.
    add("gssencmode", "disable");
  }
  PGconn* start() const {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const auto& [keyword, value] : pairs_) {
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    return PQconnectStartParams(keywords.data(), values.data(), 0);
  }

 private:
  void add(std::string keyword, std::string value) {
    if (!value.empty()) {
      pairs_.emplace_back(std::move(keyword), std::move(value));
    }
  }
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// Waits until the socket is ready for `events`; false when the deadline passed.
bool wait_socket(int socket, short events, const Deadline& deadline) {
  pollfd entry{socket, events, 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
    const int ready = ::poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) {
      return true;
    }
    if (ready == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    }
  }
}

}  // namespace

class AdminConsole::Connection {
 public:
  Connection(std::string name, const postgres::ConnectionOptions& address, const Deadline& deadline)
      : name_(std::move(name)), connection_(Parameters(address).start()) {
    connect(deadline);
    PQsetnonblocking(connection_.get(), 1);
  }

  void send(const std::string& command) {
    command_ = command;
    if (broken_ || PQsendQuery(connection_.get(), command.c_str()) != 1) {
      fail(first_line(PQerrorMessage(connection_.get())));
    }
    flush();
  }

  postgres::Rows receive(const Deadline& deadline) {
    std::shared_ptr<const PGresult> last;
    while (PGresult* result = next(deadline)) {
      std::shared_ptr<const PGresult> owned(result, [](const PGresult* r) {
        PQclear(const_cast<PGresult*>(r));  // NOLINT: libpq's signature
      });
      const ExecStatusType status = PQresultStatus(result);
      if (!last || status == PGRES_FATAL_ERROR) {
        last = std::move(owned);
      }
    }
    if (!last) {
      fail(first_line(PQerrorMessage(connection_.get())));
    }
    if (PQresultStatus(last.get()) == PGRES_FATAL_ERROR) {
      const char* message = PQresultErrorField(last.get(), PG_DIAG_MESSAGE_PRIMARY);
      broken_ = PQstatus(connection_.get()) != CONNECTION_OK;
      throw Error(
          ErrorKind::failure,
          fmt::format("unable to command pooler '{}': '{}': {}", name_, command_,
                      message != nullptr ? message : first_line(PQresultErrorMessage(last.get()))));
    }
    return postgres::Rows(last);
  }

  bool broken() const { return broken_ || PQstatus(connection_.get()) != CONNECTION_OK; }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  void connect(const Deadline& deadline) {
    if (connection_ == nullptr) {
      fail("out of memory");
    }
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK) {
      if (status == PGRES_POLLING_FAILED) {
        fail_to_connect(PQerrorMessage(connection_.get()));
      }
      const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
      if (PQstatus(connection_.get()) == CONNECTION_BAD) {
        fail_to_connect(PQerrorMessage(connection_.get()));
      }
      if (!wait_socket(PQsocket(connection_.get()), events, deadline)) {
        throw Error(ErrorKind::timeout,
                    fmt::format("unable to reach pooler '{}': it does not answer", name_));
      }
      status = PQconnectPoll(connection_.get());
    }
  }

  // libpq says 'connection to server at "x", port 1 failed: cause'.
  [[noreturn]] void fail_to_connect(const char* text) const {
    std::string cause = first_line(text);
    if (const auto at = cause.find(" failed: "); at != std::string::npos) {
      cause.erase(0, at + 9);
    }
    if (cause.starts_with("FATAL:  ")) {
      cause.erase(0, 8);
    }
    throw Error(ErrorKind::failure, fmt::format("unable to reach pooler '{}': {}", name_, cause));
  }

  [[noreturn]] void fail(const std::string& cause) {
    broken_ = true;
    throw Error(ErrorKind::failure, fmt::format("unable to command pooler '{}': {}", name_, cause));
  }

  void flush() {
    // Commands are a few bytes: they always fit into the socket's buffer.
    if (PQflush(connection_.get()) == -1) {
      fail(first_line(PQerrorMessage(connection_.get())));
    }
  }

  PGresult* next(const Deadline& deadline) {
    while (PQisBusy(connection_.get()) == 1) {
      if (!wait_socket(PQsocket(connection_.get()), POLLIN, deadline)) {
        broken_ = true;
        throw Error(ErrorKind::timeout,
                    fmt::format("unable to command pooler '{}': '{}' is not done in time", name_,
                                command_));
      }
      if (PQconsumeInput(connection_.get()) != 1) {
        fail(first_line(PQerrorMessage(connection_.get())));
      }
    }
    return PQgetResult(connection_.get());
  }

  std::string name_;
  std::unique_ptr<PGconn, Finish> connection_;
  std::string command_;
  bool broken_ = false;
};

AdminConsole::AdminConsole(std::string name, const postgres::ConnectionOptions& address,
                           const Deadline& deadline)
    : connection_(std::make_unique<Connection>(std::move(name), address, deadline)) {}
AdminConsole::AdminConsole(AdminConsole&&) noexcept = default;
AdminConsole& AdminConsole::operator=(AdminConsole&&) noexcept = default;
AdminConsole::~AdminConsole() = default;

void AdminConsole::send(const std::string& command) { connection_->send(command); }
postgres::Rows AdminConsole::receive(const Deadline& deadline) {
  return connection_->receive(deadline);
}
bool AdminConsole::broken() const { return connection_->broken(); }

}  // namespace crossover::cutover
