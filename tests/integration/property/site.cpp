#include "integration/property/site.h"

#include <fmt/format.h>

#include "base/error.h"
#include "postgres/quote.h"

namespace crossover::test::property {
namespace {

using sync::Side;

constexpr const char* template_database = "property";

// With no session left in it. A killed one may need a moment to end.
void drop_database(const PostgresServer& server, const std::string& database) {
  postgres::Session session = server.connect();
  for (int attempt = 0;; ++attempt) {
    session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                  {database});
    try {
      session.batch("DROP DATABASE IF EXISTS " + postgres::quote_identifier(database));
      return;
    } catch (const Error& error) {
      if (error.sqlstate() != "55006" || attempt == 100) {
        throw;
      }
    }
  }
}

}  // namespace

PostgresServer& Servers::at(Side side, int version) {
  auto& server = servers_[{side, version}];
  if (!server) {
    server = std::make_unique<PostgresServer>(ServerOptions{
        .version = version,
        .settings = {{"deadlock_timeout", "20ms"},
                     {"autovacuum", "off"},
                     {"synchronous_commit", "off"}},
        // A case opens many sessions, and each password check costs as much as a step.
        .hba = {"host all all 127.0.0.1/32 trust"}});
    server->create_role("writer");
    server->create_database(template_database);
    server->connect(template_database).batch(types_sql);
  }
  return *server;
}

Site::Site(PostgresServer& old_server, PostgresServer& new_server, std::string database)
    : old_server_(old_server),
      new_server_(new_server),
      database_(std::move(database)),
      old_db_(old_server, database_),
      new_db_(new_server, database_),
      databases_{old_db_, new_db_} {
  for (PostgresServer* server : {&old_server_, &new_server_}) {
    drop_database(*server, database_);
    server->connect().batch(fmt::format("CREATE DATABASE {} TEMPLATE {}",
                                        postgres::quote_identifier(database_), template_database));
  }
}

Site::~Site() {
  for (PostgresServer* server : {&old_server_, &new_server_}) {
    try {
      drop_database(*server, database_);
    } catch (const Error&) {  // the servers go with all of their databases
    }
  }
}

void Site::create(const Schema& schema) {
  for (PostgresServer* server : {&old_server_, &new_server_}) {
    server->connect(database_).batch(schema.sql());
  }
}

}  // namespace crossover::test::property
