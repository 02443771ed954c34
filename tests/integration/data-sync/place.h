#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "files/files.h"
#include "fixtures/moments.h"
#include "integration/sync/world.h"
#include "process/command.h"
#include "sync/gate.h"

namespace crossover::test {

/// The task as a person runs it, against two real servers.
struct Place {
  explicit Place(World& a_world) : world(a_world) { configure(""); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// From now on the databases are where these servers are: one of them was promoted.
  void fail_over(const PostgresServer& old_server, const PostgresServer& new_server) {
    reach_by(old_server.port(), new_server.port());
  }
  /// From now on the databases are reached by these ports: there is a proxy in between.
  void reach_by(int old_port, int new_port) {
    old_port_ = old_port;
    new_port_ = new_port;
    configure("");
  }

  void configure(const std::string& sync) const {
    const auto database = [](int port) {
      return fmt::format(
          "{{host: 127.0.0.1, port: {}, database: app, credentials: {{user: postgres, passwordEnv: "
          "TEST_PASSWORD}}, tls: {{mode: disable}}}}",
          port);
    };
    files::write_atomically(
        directory.path() / "crossover.yaml",
        fmt::format("name: test\napproval: none\ndatabases:\n  old: {}\n  new: {}\nsync:\n"
                    "  lockTimeout: 100ms\n"
                    "  answers: {{listen: none, advisoryLocks: none, temporaryTables: none, "
                    "workers: none}}\n{}",
                    database(old_port_), database(new_port_), sync));
  }

  /// Over its `lifetime` it is killed.
  process::Outcome start(std::vector<std::string> arguments, const std::string& stop_at = "",
                         std::optional<Duration> lifetime = {}) const {
    process::Command command;
    command.argv = killed_after(lifetime);
    command.argv.emplace_back(CROSSOVER_DATA_SYNC);
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.directory = directory.path();
    command.secret_environment = {{"TEST_PASSWORD", world.old_server.options().password}};
    command.environment = {{"CROSSOVER_STOP_AT", stop_at}};
    command.timeout = std::chrono::seconds(120);
    return process::run(command);
  }

  nlohmann::json run(int exit_code, std::vector<std::string> arguments) const {
    return result(exit_code, start(std::move(arguments)));
  }

  /// What a run that has ended wrote.
  nlohmann::json result(int exit_code, const process::Outcome& outcome) const {
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.exit_code == exit_code);
    CHECK(outcome.out.find(world.old_server.options().password.reveal()) == std::string::npos);
    CHECK(outcome.err.find(world.old_server.options().password.reveal()) == std::string::npos);
    return nlohmann::json::parse(outcome.out);
  }

  World& world;
  files::TemporaryDirectory directory{};

 private:
  int old_port_ = world.old_server.port();
  int new_port_ = world.new_server.port();
};

/// The gates as a switch to `live` leaves them.
inline void make_live(World& world, sync::Side live) {
  for (const sync::Side side : {sync::other(live), live}) {
    postgres::Session session = world.databases.at(side).open("gate");
    const std::string token = sync::new_token();
    sync::take_owner(session, token);
    const auto tables = sync::read_tables(session);
    if (side == live) {
      sync::open_gate(session, tables, token, std::chrono::seconds(5));
    } else {
      sync::close_gate(session, tables, token, std::chrono::seconds(5));
    }
  }
}

/// The service lives on the new database, and can come back.
inline void move_to_new(const Place& place) {
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  make_live(place.world, sync::Side::new_side);
}

/// Of a run's result document: what its error says.
inline std::string message(const nlohmann::json& result) {
  return result.at("error").at("message");
}

/// Ends the load and carries what is left, by `follow` with `more` options: no request failed, both
/// sides are equal, and each has what was acknowledged.
inline void carry_the_rest(const Place& place, Writers& writers,
                           const std::vector<std::string>& more = {}) {
  writers.stop();
  CHECK(writers.failures() == 0);
  CHECK(writers.last_failure() == "");
  std::vector<std::string> follow = {"follow", "--until-caught-up"};
  follow.insert(follow.end(), more.begin(), more.end());
  place.run(0, follow);
  CHECK(place.world.equal_by_sql());
  for (const sync::Database* database : {&place.world.old_db, &place.world.new_db}) {
    CHECK(writers.differences(*database) == std::vector<std::string>{});
  }
}

inline void empty_new_side(World& world) {
  postgres::Session session = world.new_db.open("test");
  session.batch(
      "TRUNCATE public.role, public.counter, public.event, public.\"Odd \"\"Name\", "
      "public.tree, public.note, public.part");
}

}  // namespace crossover::test
