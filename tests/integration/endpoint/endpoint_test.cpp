// Databases that are configured without any Kubernetes object, and what is said when that is not
// enough.
#include "postgres/endpoint.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.h"
#include "fixtures/error_of.h"
#include "fixtures/postgres/installation.h"
#include "fixtures/postgres/server.h"

using namespace crossover;
using namespace crossover::test;

namespace {

class Warnings final : public Log {
 public:
  void write(LogLevel level, std::string_view line) override {
    if (level == LogLevel::warning) text.append(line);
  }
  std::string text;
};

config::Database by_host(const PostgresServer& server) {
  config::Database database;
  database.host = "127.0.0.1";
  database.port = server.port();
  database.database = "postgres";
  database.credentials.user = "postgres";
  database.credentials.password_env = "CROSSOVER_TEST_PASSWORD";
  database.tls.mode = config::TlsMode::disable;
  return database;
}

}  // namespace

TEST_CASE("a database by host and port") {
  const PostgresServer server(17);
  Warnings log;
  const postgres::EndpointContext context{nullptr, "", false, log};
  ::setenv("CROSSOVER_TEST_PASSWORD", superuser_password, 1);
  const std::string name = "127.0.0.1:" + std::to_string(server.port()) + "/postgres";

  SECTION("is opened, with its purpose in the application's name") {
    const postgres::Endpoint endpoint(by_host(server), "databases.old", context);
    CHECK(endpoint.describe() == name);
    CHECK(log.text == "'" + name + "' is not fully verified: its TLS mode is disable");
    postgres::Session session = endpoint.open("drain", {{"work_mem", "5MB"}});
    CHECK(session.query("SHOW application_name").text(0, 0) == "crossover drain");
    CHECK(session.query("SHOW work_mem").text(0, 0) == "5MB");
  }
  SECTION("says where a wrong password came from") {
    ::setenv("CROSSOVER_TEST_PASSWORD", "wrong-canary", 1);
    const postgres::Endpoint endpoint(by_host(server), "databases.old", context);
    const Error error = error_of([&] { endpoint.open("drain"); });
    CHECK(error.message() == "unable to connect to '" + name +
                                 "': password authentication failed for user \"postgres\"");
    CHECK(error.hint() ==
          "user 'postgres' and the password come from environment variable "
          "'CROSSOVER_TEST_PASSWORD'");
  }
  SECTION("a variable that is not set") {
    ::unsetenv("CROSSOVER_TEST_PASSWORD");
    const Error error = error_of(
        [&] { const postgres::Endpoint endpoint(by_host(server), "databases.old", context); });
    CHECK(error.message() ==
          "unable to read 'databases.old.credentials.passwordEnv': the environment variable "
          "'CROSSOVER_TEST_PASSWORD' is not set");
    CHECK(error.kind() == ErrorKind::precondition);
  }
  SECTION("a connection string from the environment") {
    const std::string dsn =
        "host=127.0.0.1 port=" + std::to_string(server.port()) +
        " dbname=postgres user=postgres sslmode=disable password=" + superuser_password;
    ::setenv("CROSSOVER_TEST_DSN", dsn.c_str(), 1);
    config::Database database;
    database.dsn_env = "CROSSOVER_TEST_DSN";
    const postgres::Endpoint endpoint(database, "databases.old", context);
    CHECK(endpoint.describe() == name);
    CHECK(endpoint.open("drain").query("SELECT 1").int64(0, 0) == 1);
  }
}

TEST_CASE("a Service needs a cluster") {
  NoLog log;
  const postgres::EndpointContext context{nullptr, "", false, log};
  config::Database database;
  database.database = "registry";
  database.credentials.user = "postgres";
  database.service = "registry-patroni";
  CHECK(error_of([&] {
          const postgres::Endpoint endpoint(database, "databases.old", context);
        }).message() == "unable to use 'databases.old': no Kubernetes cluster is known");
}

TEST_CASE("a host is verified under the name that TLS is told") {
  const Authority authority;
  ServerOptions options;
  options.certificate = authority.issue({"registry-patroni"});
  const PostgresServer server(options);
  NoLog log;
  const postgres::EndpointContext context{nullptr, "", false, log};
  ::setenv("CROSSOVER_TEST_PASSWORD", superuser_password, 1);
  config::Database database = by_host(server);
  database.host = "localhost";
  database.tls.mode = config::TlsMode::verify_full;
  database.tls.ca_file = authority.certificate().string();
  CHECK(error_of([&] {
          postgres::Endpoint(database, "databases.new", context).open("x");
        }).kind() == ErrorKind::precondition);
  database.tls.server_name = "registry-patroni";
  CHECK(postgres::Endpoint(database, "databases.new", context)
            .open("x")
            .query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .boolean(0, 0));
}
