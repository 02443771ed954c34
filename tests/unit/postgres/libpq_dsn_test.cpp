#include <catch2/catch.hpp>

#include "base/error.h"
#include "files/files.h"
#include "fixtures/environment.h"
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

TEST_CASE("services, the environment and the password file count as they do for psql") {
  const files::TemporaryDirectory folder;
  const std::string services = (folder.path() / "pg_service.conf").string();
  const std::string passwords = (folder.path() / "passwords").string();
  files::write_atomically(services,
                          "[old]\nhost=db.example\nport=6432\nuser=mover\ndbname=registry\n"
                          "[trusted]\nhost=db.example\nuser=mover\nsslmode=verify-ca\n"
                          "sslrootcert=/etc/ca.pem\n");
  files::write_atomically(passwords, "db.example:6432:*:mover:from the file\n", 0600);
  const test::Environment environment({{"PGSERVICEFILE", services},
                                       {"PGPASSFILE", passwords},
                                       {"PGHOST", "elsewhere.example"},
                                       {"PGCONNECT_TIMEOUT", "7"}});
  const ConnectionOptions old_side = parse("service=old");
  CHECK(describe(old_side) == "db.example:6432/registry");
  CHECK(old_side.user == "mover");
  CHECK(old_side.password.reveal() == "from the file");
  CHECK(old_side.sslmode == "verify-full");
  CHECK(old_side.connect_timeout == std::chrono::seconds(7));
  CHECK(parse("postgresql:///other?service=old&port=5433").password.reveal().empty());
  CHECK(describe(parse("postgresql:///other?service=old&port=5433")) == "db.example:5433/other");
  CHECK(parse("service=trusted").sslmode == "verify-ca");
  CHECK(parse("service=trusted").sslrootcert == "/etc/ca.pem");
  CHECK(describe(parse("user=app")) == "elsewhere.example:5432/app");
  CHECK(describe(parse("host=here user=app")) == "here:5432/app");
  CHECK(parse("host=db.example port=6432 user=mover passfile=/dev/null").password.reveal().empty());
  CHECK_THROWS_MATCHES(
      parse("service=no-such"), Error,
      Message("unable to read 'connection string': definition of service \"no-such\" not found"));
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
