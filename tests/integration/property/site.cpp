#include "integration/property/site.h"

#include <fmt/format.h>

#include "base/error.h"
#include "postgres/quote.h"

namespace crossover::test::property {
namespace {

using sync::Side;

constexpr const char* template_database = "property";

postgres::Session& administration(Servers::Shared& shared) {
  if (!shared.administration || shared.administration->broken()) {
    shared.administration.emplace(shared.server.connect());
  }
  return *shared.administration;
}

// With no session left in it. A killed one may need a moment to end.
void drop_database(postgres::Session& session, const std::string& database) {
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

Servers::Shared& Servers::at(Side side, int version) {
  auto& shared = servers_[{side, version}];
  if (!shared) {
    // A case opens many sessions, and each password check costs as much as a step.
    shared = std::make_unique<Shared>(
        PostgresServer({.version = version,
                        .settings = {{"deadlock_timeout", "20ms"}, {"autovacuum", "off"}},
                        .hba = {"host all all 127.0.0.1/32 trust",
                                "host replication all 127.0.0.1/32 trust"}}),
        std::nullopt);
    shared->server.create_role("writer");
    shared->server.create_database(template_database);
    postgres::Session session = shared->server.connect(template_database);
    session.batch(types_sql);
    const std::string release(session.query("SHOW server_version").text(0, 0));
    releases_.insert(release.substr(0, release.find(' ')));
  }
  return *shared;
}

postgres::Session Site::Reached::open(std::string_view purpose) const {
  postgres::ConnectionOptions options = server_.options(database_);
  options.application_name = "crossover test " + std::string(purpose);
  if (network_ != nullptr) {
    options.port = network_->port();
  }
  return postgres::Session(options);
}

Site::Half::Half(Servers::Shared& on, const std::string& database, bool networks)
    : shared(on),
      network(networks ? std::make_unique<TcpProxy>(on.server.port()) : nullptr),
      reached(on.server, database, network.get()) {
  drop_database(administration(shared), database);
  administration(shared).batch(fmt::format(
      "CREATE DATABASE {} TEMPLATE {}", postgres::quote_identifier(database), template_database));
}

Site::Site(Servers::Shared& old_server, Servers::Shared& new_server, std::string database,
           bool networks)
    : database_(std::move(database)),
      old_(old_server, database_, networks),
      new_(new_server, database_, networks),
      databases_{old_.reached, new_.reached} {}

Site::~Site() {
  for (Half* half : {&old_, &new_}) {
    try {
      half->look.reset();
      drop_database(administration(half->shared), database_);
    } catch (const Error&) {  // the servers go with all of their databases
    }
  }
}

void Site::create(const Schema& schema) {
  for (const Side side : {Side::old_side, Side::new_side}) {
    look(side).batch(schema.sql(side));
  }
}

postgres::Session& Site::look(Side side) {
  Half& half = at(side);
  if (!half.look) {
    half.look.emplace(half.shared.server.connect(database_));
  }
  return *half.look;
}

void Site::start(Side side) {
  forget_sessions(side);
  at(side).shared.server.start();
}

void Site::leave_behind(Side side) {
  behind_.emplace(Behind{side, server(side).standby()});
  behind_->standby->catch_up_with(server(side));
  behind_->standby->stop();
}

Side Site::fail_over() {
  const Side side = behind_->side;
  forget_sessions(side);
  server(side).give_way_to(*behind_->standby);
  behind_.reset();
  return side;
}

// Those that end with the server.
void Site::forget_sessions(Side side) {
  at(side).look.reset();
  at(side).shared.administration.reset();
}

}  // namespace crossover::test::property
