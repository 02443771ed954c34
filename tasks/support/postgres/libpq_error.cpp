#include "postgres/libpq_error.h"

#include <algorithm>
#include <cctype>

#include "postgres/sqlstate.h"

namespace crossover::postgres {

namespace {

bool looks_like_sqlstate(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'A' && c <= 'Z');
         });
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

// Our messages are one line without a final stop; details of the server may have several sentences.
std::string one_line(std::string_view text) {
  std::string out;
  text = trimmed(text);
  while (!text.empty() && text.back() == '.') text.remove_suffix(1);
  for (const char c : text) {
    if (c == '\n') {
      out += ' ';
    } else if (c != '\t') {
      out += c;
    }
  }
  return out;
}

std::string field(const PGresult* result, int code) {
  const char* text = result == nullptr ? nullptr : PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

std::string hint_for_connect(std::string_view state, std::string_view cause) {
  if (state.starts_with("28")) return "check the user, the password and the server's pg_hba.conf";
  if (state == sqlstate::no_such_database) return "check the name of the database";
  if (cause.starts_with("root certificate file")) {
    return "name the certificate authority of the database";
  }
  if (cause.find("certificate") != std::string_view::npos) {
    return "check that the certificate authority and the server name are those of this database";
  }
  if (cause.starts_with("server does not support SSL")) {
    return "turn TLS on at the server, or choose a weaker TLS mode explicitly";
  }
  return "check that the server runs and that the network lets this client reach it";
}

}  // namespace

ConnectFailure read_connect_failure(std::string_view message) {
  // One line per address that was tried: the last one is where libpq gave up.
  static constexpr std::string_view preamble = "connection to server ";
  static constexpr std::string_view failed = " failed: ";
  const std::size_t start = message.rfind(preamble);
  if (start != std::string_view::npos) {
    const std::size_t end = message.find(failed, start);
    if (end != std::string_view::npos) message.remove_prefix(end + failed.size());
  }
  std::string_view line = trimmed(first_line(trimmed(message)));
  ConnectFailure failure;
  // "FATAL:  28P01: password authentication failed"; the severity may be translated.
  const std::size_t severity = line.find(":  ");
  if (severity != std::string_view::npos) {
    const std::string_view rest = line.substr(severity + 3);
    if (looks_like_sqlstate(rest.substr(0, 5)) && rest.substr(5, 2) == ": ") {
      failure.sqlstate = rest.substr(0, 5);
      line = rest.substr(7);
    }
  }
  failure.cause = one_line(line);
  return failure;
}

Error pooler_error(const ConnectionOptions& options) {
  return {
      ErrorKind::precondition,
      "unable to use '" + describe(options) + "': it is a connection pooler",
      "name the database server itself: settings and locks of a session don't survive a pooler"};
}

Error connect_error(const ConnectionOptions& options, std::string_view libpq_message) {
  const ConnectFailure failure = read_connect_failure(libpq_message);
  // A server knows every parameter that we send.
  if (failure.cause.starts_with("unsupported startup parameter")) return pooler_error(options);
  const bool wrong_tls = failure.cause.find("certificate") != std::string::npos ||
                         failure.cause.starts_with("server does not support SSL");
  const std::string state =
      failure.sqlstate.empty() ? std::string(sqlstate::unable_to_connect) : failure.sqlstate;
  Error error(wrong_tls ? ErrorKind::precondition : error_kind(state),
              "unable to connect to '" + describe(options) + "': " + failure.cause,
              hint_for_connect(state, failure.cause));
  error.set_sqlstate(state);
  return error;
}

Error statement_error(const ConnectionOptions& options, const PGconn* connection,
                      const PGresult* result) {
  std::string state = field(result, PG_DIAG_SQLSTATE);
  std::string cause = one_line(field(result, PG_DIAG_MESSAGE_PRIMARY));
  const std::string detail = one_line(field(result, PG_DIAG_MESSAGE_DETAIL));
  if (!detail.empty()) cause += " (" + detail + ")";
  if (cause.empty()) {
    const std::string_view text = result == nullptr ? std::string_view(PQerrorMessage(connection))
                                                    : PQresultErrorMessage(result);
    cause = one_line(first_line(trimmed(text)));
  }
  if (state.empty() && PQstatus(connection) == CONNECTION_BAD) state = sqlstate::connection_lost;
  Error error(error_kind(state),
              "unable to run a statement on '" + describe(options) + "': " + cause,
              one_line(field(result, PG_DIAG_MESSAGE_HINT)));
  error.set_sqlstate(state);
  return error;
}

}  // namespace crossover::postgres
