#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <string_view>

#include "base/error.h"
#include "postgres/connection_options.h"

namespace crossover::postgres {

namespace {

int number(std::string_view name, std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw Error(ErrorKind::usage, "unable to read 'connection string': " + std::string(name) +
                                      " must be a number from " + std::to_string(least) + " to " +
                                      std::to_string(most));
  }
  return value;
}

/// What tells only where libpq finds the rest.
const std::set<std::string_view>& places() {
  static const std::set<std::string_view> names{"service", "passfile"};
  return names;
}

/// libpq's own, which is not to be told from one that was asked for in a service or by PGSSLMODE.
constexpr std::string_view default_sslmode = "prefer";

using Setter = std::function<void(ConnectionOptions&, std::string_view)>;

const std::map<std::string_view, Setter>& setters() {
  static const std::map<std::string_view, Setter> table{
      {"host", [](auto& o, auto v) { o.host = v; }},
      {"hostaddr", [](auto& o, auto v) { o.hostaddr = v; }},
      {"port", [](auto& o, auto v) { o.port = number("port", v, 1, 65535); }},
      {"dbname", [](auto& o, auto v) { o.database = v; }},
      {"user", [](auto& o, auto v) { o.user = v; }},
      {"password", [](auto& o, auto v) { o.password = Secret(std::string(v)); }},
      {"sslmode", [](auto& o, auto v) { o.sslmode = v; }},
      {"sslrootcert", [](auto& o, auto v) { o.sslrootcert = v; }},
      {"sslcert", [](auto& o, auto v) { o.sslcert = v; }},
      {"sslkey", [](auto& o, auto v) { o.sslkey = v; }},
      {"application_name", [](auto& o, auto v) { o.application_name = v; }},
      {"connect_timeout",
       [](auto& o, auto v) {
         o.connect_timeout = std::chrono::seconds(number("connect_timeout", v, 1, 3600));
       }},
      {"tcp_user_timeout",
       [](auto& o, auto v) {
         o.tcp_user_timeout =
             std::chrono::milliseconds(number("tcp_user_timeout", v, 1, 3'600'000));
       }},
  };
  return table;
}

using Parsed = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

// The names of what the string itself says.
std::set<std::string> require_readable(const Secret& dsn) {
  char* message = nullptr;
  const Parsed parsed(PQconninfoParse(dsn.reveal().c_str(), &message), PQconninfoFree);
  // libpq's message quotes from the string, which may hold a password: it is dropped.
  PQfreemem(message);
  if (!parsed) {
    throw Error(ErrorKind::usage,
                "unable to read 'connection string': it is neither a PostgreSQL URI nor a list of "
                "key=value",
                "for example postgresql://USER@HOST:5432/DATABASE?sslmode=verify-full");
  }
  std::set<std::string> given;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (!setters().contains(option->keyword) && !places().contains(option->keyword)) {
      throw Error(ErrorKind::usage, "unable to read 'connection string': '" +
                                        std::string(option->keyword) + "' can't be given here");
    }
    given.emplace(option->keyword);
  }
  return given;
}

/// No mode, so that libpq ends before it makes a socket; nobody else sets it.
constexpr const char* stop_here = "no such mode";

// What libpq would connect with. Services, PG* of the environment and the password file it reads
// only when it begins to.
ConnectionOptions resolve(const Secret& dsn) {
  const std::array<const char*, 3> names{"dbname", "channel_binding", nullptr};
  const std::array<const char*, 3> values{dsn.reveal().c_str(), stop_here, nullptr};
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectStartParams(names.data(), values.data(), 1), PQfinish);
  if (!connection) throw std::bad_alloc();
  const Parsed known(PQconninfo(connection.get()), PQconninfoFree);
  ConnectionOptions options;
  bool complete = false;
  for (const PQconninfoOption* option = known.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view value = option->val == nullptr ? "" : option->val;
    complete |= value == stop_here;
    const auto setter = setters().find(option->keyword);
    if (!value.empty() && setter != setters().end()) setter->second(options, value);
  }
  if (!complete) {
    std::string cause = PQerrorMessage(connection.get());
    cause.erase(cause.find_last_not_of("\r\n") + 1);
    throw Error(ErrorKind::usage, "unable to read 'connection string': " + cause,
                "services are looked for in PGSERVICEFILE, ~/.pg_service.conf and "
                "PGSYSCONFDIR/pg_service.conf");
  }
  if (const char* password = PQpass(connection.get()); password != nullptr) {
    options.password = Secret(std::string(password));
  }
  return options;
}

}  // namespace

std::string describe(const ConnectionOptions& options) {
  if (!options.label.empty()) return options.label;
  const std::string& host = options.host.empty() ? options.hostaddr : options.host;
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(options.port) + "/" +
         options.database;
}

ConnectionOptions parse_dsn(const Secret& dsn) {
  const std::set<std::string> given = require_readable(dsn);
  ConnectionOptions options = resolve(dsn);
  if (!given.contains("sslmode") && options.sslmode == default_sslmode) {
    options.sslmode = ConnectionOptions().sslmode;
  }
  if (options.host.find('@') != std::string::npos) {
    // libpq ends the user's part at the first one; what it takes for the host is half a password.
    throw Error(ErrorKind::usage, "unable to read 'connection string': the host holds '@'",
                "write '@' as %40 where it is part of a password in a URI");
  }
  if (options.host.find(',') != std::string::npos) {
    throw Error(ErrorKind::usage, "unable to read 'connection string': more than one host",
                "name the primary's address alone");
  }
  return options;
}

}  // namespace crossover::postgres
