// How connecting ends, well or badly: whole messages.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/postgres/server.h"
#include "fixtures/proxy/tcp_proxy.h"
#include "postgres/session.h"

using namespace crossover;
using namespace crossover::test;

namespace {

/// The error of an attempt to connect.
Error refused(const postgres::ConnectionOptions& options) {
  try {
    const postgres::Session session(options);
  } catch (const Error& error) {
    return error;
  }
  FAIL("the connection was made");
  throw std::logic_error("unreachable");
}

std::string at(const postgres::ConnectionOptions& options) {
  return "'127.0.0.1:" + std::to_string(options.port) + "/" + options.database + "'";
}

std::string setting(postgres::Session& session, const std::string& name) {
  return std::string(session.query("SELECT current_setting($1)", {name}).text(0, 0));
}

}  // namespace

TEST_CASE("a session does not inherit what role and database are set to") {
  const int version = GENERATE(12, 15, 17, 18);
  PostgresServer server(version);
  server.create_role("app");
  server.connect().batch(R"(
    CREATE ROLE other; GRANT other TO app;
    ALTER ROLE app SET statement_timeout = '1ms';
    ALTER ROLE app SET lock_timeout = '1ms';
    ALTER ROLE app SET idle_in_transaction_session_timeout = '1s';
    ALTER ROLE app SET default_transaction_read_only = on;
    ALTER ROLE app SET default_transaction_isolation = 'serializable';
    ALTER ROLE app SET synchronous_commit = off;
    ALTER ROLE app SET search_path = nowhere;
    ALTER ROLE app SET "DateStyle" = 'German';
    ALTER ROLE app SET "TimeZone" = 'Asia/Tokyo';
    ALTER ROLE app SET "IntervalStyle" = 'iso_8601';
    ALTER ROLE app SET extra_float_digits = 0;
    ALTER ROLE app SET bytea_output = 'escape';
    ALTER ROLE app SET role = 'other';
    ALTER ROLE app SET client_encoding = 'LATIN1')");
  postgres::ConnectionOptions options = server.options("postgres", "app");
  options.settings = {{"work_mem", "7MB"}};
  postgres::Session session(options);
  CHECK(setting(session, "statement_timeout") == "0");
  CHECK(setting(session, "lock_timeout") == "0");
  CHECK(setting(session, "idle_in_transaction_session_timeout") == "0");
  CHECK(setting(session, "default_transaction_read_only") == "off");
  CHECK(setting(session, "transaction_isolation") == "read committed");
  CHECK(setting(session, "synchronous_commit") == "on");
  CHECK(setting(session, "search_path") == "pg_catalog");
  CHECK(setting(session, "DateStyle") == "ISO, MDY");
  CHECK(setting(session, "TimeZone") == "UTC");
  CHECK(setting(session, "IntervalStyle") == "postgres");
  CHECK(setting(session, "extra_float_digits") == "3");
  CHECK(setting(session, "bytea_output") == "hex");
  CHECK(setting(session, "client_encoding") == "UTF8");
  CHECK(setting(session, "row_security") == "off");
  CHECK(setting(session, "work_mem") == "7MB");
  CHECK(session.query("SELECT current_user").text(0, 0) == "app");
  if (version >= 17) CHECK(setting(session, "transaction_timeout") == "0");
}

TEST_CASE("a log-in that is refused says why") {
  PostgresServer server(17);
  server.create_role("app");
  SECTION("wrong password") {
    auto options = server.options("postgres", "app");
    options.password = Secret("wrong-password-canary");
    const Error error = refused(options);
    CHECK(error.message() == "unable to connect to " + at(options) +
                                 ": password authentication failed for user \"app\"");
    CHECK(error.sqlstate() == "28P01");
    CHECK(error.kind() == ErrorKind::precondition);
    CHECK((error.message() + error.hint()).find("canary") == std::string::npos);
  }
  SECTION("no such database") {
    const auto options = server.options("nowhere");
    const Error error = refused(options);
    CHECK(error.message() ==
          "unable to connect to " + at(options) + ": database \"nowhere\" does not exist");
    CHECK(error.kind() == ErrorKind::precondition);
    CHECK(error.sqlstate() == "3D000");
  }
  SECTION("no server") {
    const auto options = server.options();
    server.stop();
    const Error error = refused(options);
    CHECK(error.message() == "unable to connect to " + at(options) + ": Connection refused");
    CHECK(error.hint() ==
          "check that the server runs and that the network lets this client reach it");
    CHECK(error.kind() == ErrorKind::failure);
    CHECK(error.sqlstate() == "08001");
  }
  SECTION("no answer") {
    TcpProxy proxy(server.port());
    proxy.stall();
    auto options = server.options();
    options.port = proxy.port();
    options.connect_timeout = std::chrono::seconds(1);
    const Error error = refused(options);
    CHECK(error.message() == "unable to connect to " + at(options) + ": no answer within 1 s");
  }
}

TEST_CASE("a standby is refused unless it is asked for, and follows a promotion") {
  const int version = GENERATE(12, 17);
  PostgresServer primary(version);
  primary.connect().batch("CREATE TABLE public.t (a int); INSERT INTO public.t VALUES (1)");
  auto standby = primary.standby();
  const auto options = standby->options();
  const Error error = refused(options);
  CHECK(error.message() == "unable to use " + at(options) + ": it is a standby");
  CHECK(error.hint() ==
        "name the primary; with Patroni that is the Service or the pod with role=master");
  CHECK(error.kind() == ErrorKind::precondition);
  standby->catch_up_with(primary);
  standby->promote();
  CHECK(standby->connect().query("SELECT a FROM public.t").int64(0, 0) == 1);
}

TEST_CASE("a pooler is refused before anything is set in its server connection") {
  PostgresServer server(17);
  const std::string target =
      "host=127.0.0.1 port=" + std::to_string(server.port()) + " dbname=postgres";
  const std::string mode = GENERATE("transaction", "session");
  PgBouncerOptions pooler;
  pooler.databases = {{"app", target + " pool_size=1"}};
  pooler.settings = {{"pool_mode", mode}};
  const PgBouncer bouncer(pooler);
  auto options = bouncer.options("app");
  options.plain = false;
  const Error error = refused(options);
  CHECK(error.message() == "unable to use " + at(options) + ": it is a connection pooler");
  CHECK(error.kind() == ErrorKind::precondition);
  // The one server connection is as it was.
  postgres::Session through(bouncer.options("app"));
  CHECK(through.query("SHOW search_path").text(0, 0) == "\"$user\", public");
}

TEST_CASE("a pooler's console is refused, and reached plainly") {
  const PgBouncer bouncer(PgBouncerOptions{});
  auto options = bouncer.options("pgbouncer");
  options.plain = false;
  CHECK(refused(options).message() ==
        "unable to use " + at(options) + ": it is a connection pooler");
  CHECK(bouncer.admin().batch_last("SHOW VERSION").text(0, 0) == "PgBouncer 1.24.1");
}

TEST_CASE("TLS is verified in full") {
  const Authority authority;
  const Authority stranger;
  ServerOptions server_options;
  server_options.certificate = authority.issue({"registry-patroni"});
  const PostgresServer server(server_options);
  auto options = server.options();
  options.host = "registry-patroni";
  options.hostaddr = "127.0.0.1";
  options.sslmode = "verify-full";
  options.sslrootcert = authority.certificate().string();
  const std::string name = "'registry-patroni:" + std::to_string(server.port()) + "/postgres'";
  SECTION("good") {
    postgres::Session session(options);
    CHECK(session.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").boolean(0, 0));
  }
  SECTION("another authority") {
    options.sslrootcert = stranger.certificate().string();
    const Error error = refused(options);
    CHECK(error.message() ==
          "unable to connect to " + name + ": SSL error: certificate verify failed");
    CHECK(error.kind() == ErrorKind::precondition);
  }
  SECTION("another name") {
    options.host = "registry-other";
    const Error error = refused(options);
    CHECK(error.message() ==
          "unable to connect to 'registry-other:" + std::to_string(server.port()) +
              "/postgres': server certificate for \"registry-patroni\" does not "
              "match host name \"registry-other\"");
    CHECK(error.kind() == ErrorKind::precondition);
  }
  SECTION("no authority") {
    options.sslrootcert = "/nowhere/ca.crt";
    const Error error = refused(options);
    CHECK(error.message() == "unable to connect to " + name +
                                 ": root certificate file \"/nowhere/ca.crt\" does not exist");
    CHECK(error.hint() == "name the certificate authority of the database");
  }
}

TEST_CASE("a server without TLS is refused where TLS is asked for") {
  const PostgresServer server(15);
  auto options = server.options();
  options.sslmode = "require";
  const Error error = refused(options);
  CHECK(error.message() == "unable to connect to " + at(options) +
                               ": server does not support SSL, but SSL was required");
  CHECK(error.kind() == ErrorKind::precondition);
}
