#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "integration/data-sync/place.h"

namespace crossover::test {

/// The migration by the role "mover" of both servers, which is no superuser. The tables, and the
/// database, belong to "keeper", as they would to the role by which Flyway migrates.
struct Mover {
  explicit Mover(World& a_world) : world(a_world), place(a_world) {
    for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
      make_role(*server);
    }
    configure("");
  }

  void configure(const std::string& sync) const {
    const auto database = [](const PostgresServer& server) {
      return fmt::format(
          "{{host: 127.0.0.1, port: {}, database: app, credentials: {{user: mover, passwordEnv: "
          "TEST_PASSWORD}}, tls: {{mode: disable}}}}",
          server.port());
    };
    files::write_atomically(
        place.directory.path() / "crossover.yaml",
        fmt::format(
            "name: test\napproval: none\ndatabases:\n  old: {}\n  new: {}\nsync:\n  answers: "
            "{{listen: none, advisoryLocks: none, temporaryTables: none, workers: none}}\n{}",
            database(world.old_server), database(world.new_server), sync));
  }

  /// As superuser of that server.
  static void run(const PostgresServer& server, const std::string& sql) {
    server.connect("app").batch(sql);
  }

  /// All that a migration needs, where it can be granted.
  static void give_all(const PostgresServer& server) {
    run(server, "GRANT keeper TO mover; GRANT pg_read_all_stats TO mover");
    give_parameter(server);
  }

  static void give_parameter(const PostgresServer& server) {
    postgres::Session session = server.connect("app");
    if (session.server_version() >= 150000) {
      session.batch("GRANT SET ON PARAMETER session_replication_role TO mover");
    }
  }

  bool untouched() const {
    const auto no_schema = [](const PostgresServer& server) {
      return server.connect("app")
          .query("SELECT to_regnamespace('crossover') IS NULL")
          .boolean(0, 0);
    };
    return no_schema(world.old_server) && no_schema(world.new_server);
  }

  World& world;
  Place place;

 private:
  static void make_role(const PostgresServer& server) {
    run(server,
        fmt::format("CREATE ROLE mover LOGIN PASSWORD '{}'", server.options().password.reveal()));
    run(server, R"(
CREATE ROLE keeper NOLOGIN;
ALTER DATABASE app OWNER TO keeper;
DO $$ DECLARE r regclass; BEGIN
  FOR r IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
           AND c.relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO keeper', r);
  END LOOP;
END $$)");
  }
};

/// Of a result document, the checks of both databases with that outcome: "old database: ...".
inline std::vector<std::string> checks(const nlohmann::json& result, std::string_view outcome) {
  std::vector<std::string> found;
  for (const nlohmann::json& check : result["checks"]) {
    const std::string name = check["name"];
    if (check["outcome"] == outcome && name.ends_with(" database")) {
      found.push_back(name + ": " + check["detail"].get<std::string>());
    }
  }
  return found;
}

/// The database as that role.
class AsMover final : public sync::Database {
 public:
  explicit AsMover(const PostgresServer& server) : server_(server) {}
  postgres::Session open(std::string_view purpose) const override {
    postgres::ConnectionOptions options = server_.options("app", "mover");
    options.application_name = "crossover test " + std::string(purpose);
    return postgres::Session(options);
  }
  std::string describe() const override { return "app"; }

 private:
  const PostgresServer& server_;
};

}  // namespace crossover::test
