#include <catch2/catch.hpp>

#include "base/error.h"
#include "postgres/connection_options.h"

using namespace crossover;
using namespace crossover::postgres;
using Catch::Matchers::Message;

namespace {
ConnectionOptions parse(const char* text) { return parse_dsn(Secret(std::string(text))); }
}  // namespace

TEST_CASE("a URI is read") {
  const ConnectionOptions options =
      parse("postgresql://app:s%40fe@db.example:6432/registry?connect_timeout=3&sslmode=require");
  CHECK(options.host == "db.example");
  CHECK(options.port == 6432);
  CHECK(options.user == "app");
  CHECK(options.password.reveal() == "s@fe");
  CHECK(options.database == "registry");
  CHECK(options.connect_timeout == std::chrono::seconds(3));
  CHECK(options.sslmode == "require");
  CHECK(describe(options) == "db.example:6432/registry");
}

TEST_CASE("TLS is verify-full unless the string says else") {
  CHECK(parse("host=db user=app").sslmode == "verify-full");
  CHECK(parse("host=db user=app sslmode=disable").sslmode == "disable");
}

TEST_CASE("the database is the user's where none is named") {
  CHECK(parse("host=db user=app").database == "app");
}

TEST_CASE("an IPv6 address stands in brackets") {
  CHECK(describe(parse("host=::1 user=app")) == "[::1]:5432/app");
}

TEST_CASE("a label stands in place of the address") {
  ConnectionOptions options = parse("host=127.0.0.1 port=40001 user=app");
  options.label = "registry-patroni:5432/registry";
  CHECK(describe(options) == "registry-patroni:5432/registry");
}

TEST_CASE("a string that can't be read is refused and not shown") {
  CHECK_THROWS_MATCHES(parse("canary-password"), Error,
                       Message("unable to read 'connection string': it is neither a PostgreSQL URI "
                               "nor a list of key=value"));
  CHECK_THROWS_MATCHES(
      parse("host=db options=-csearch_path=x"), Error,
      Message("unable to read 'connection string': 'options' can't be given here"));
  CHECK_THROWS_MATCHES(
      parse("host=db port=70000"), Error,
      Message("unable to read 'connection string': port must be a number from 1 to 65535"));
  CHECK_THROWS_MATCHES(parse("postgresql://app:half@canary@db/registry"), Error,
                       Message("unable to read 'connection string': the host holds '@'"));
  CHECK_THROWS_MATCHES(parse("host=a,b user=app"), Error,
                       Message("unable to read 'connection string': more than one host"));
}
