#include "flyway/local.h"

#include <catch2/catch.hpp>

using namespace crossover;

TEST_CASE("a database is named to JDBC as it is reached") {
  postgres::ConnectionOptions options;
  options.host = "db";
  options.database = "app";
  options.sslrootcert = "/ca";
  CHECK(flyway::jdbc_url(options) ==
        "jdbc:postgresql://db:5432/app?sslmode=verify-full&sslrootcert=/ca");
}

TEST_CASE("through a port-forward JDBC can check the authority only") {
  postgres::ConnectionOptions options;
  options.host = "db";
  options.hostaddr = "127.0.0.1";
  options.port = 40000;
  options.database = "app";
  CHECK(flyway::jdbc_url(options) == "jdbc:postgresql://127.0.0.1:40000/app?sslmode=verify-ca");
}
