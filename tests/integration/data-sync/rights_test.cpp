// Which database roles can run a migration, on each version: docs/rights.md shows what is seen
// here.
#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "fixtures/postgres/installation.h"
#include "integration/data-sync/place.h"
#include "integration/data-sync/switching.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Direction;
using sync::Side;

constexpr const char* role = "mover";

/// How the role comes to its rights: statements for either server, as its superuser.
struct Setup {
  std::string name;
  std::string sql;
  bool parameter = false;  ///< may set session_replication_role, where that can be granted
};

// Who owns the tables is not the superuser but the role that migrates the schema, as Flyway's.
constexpr const char* owned_by_keeper = R"(
CREATE ROLE keeper NOLOGIN;
ALTER DATABASE app OWNER TO keeper;
DO $$ DECLARE r regclass; BEGIN
  FOR r IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO keeper', r);
  END LOOP;
END $$;
)";

const std::vector<Setup>& setups() {
  static const std::vector<Setup> all = {
      {"a superuser", "ALTER ROLE mover SUPERUSER", false},
      {"a member of the owner, with SET on session_replication_role and pg_read_all_stats",
       "GRANT keeper TO mover; GRANT pg_read_all_stats TO mover", true},
      {"a member of the owner, with SET on session_replication_role", "GRANT keeper TO mover",
       true},
      {"a member of the owner", "GRANT keeper TO mover", false},
      {"all privileges on tables and database, with SET on session_replication_role",
       "GRANT ALL ON DATABASE app TO mover; GRANT ALL ON ALL TABLES IN SCHEMA public TO mover; "
       "GRANT "
       "ALL ON ALL SEQUENCES IN SCHEMA public TO mover",
       true},
      {"a member of the owner of the tables only, with SET on session_replication_role",
       "ALTER DATABASE app OWNER TO postgres; GRANT keeper TO mover", true},
      {"a member of the owner of the tables only, with SET on session_replication_role and CREATE "
       "on the database, where PUBLIC has no TEMPORARY",
       "ALTER DATABASE app OWNER TO postgres; GRANT keeper TO mover; "
       "GRANT CREATE ON DATABASE app TO mover; REVOKE TEMPORARY ON DATABASE app FROM PUBLIC",
       true}};
  return all;
}

void give(const PostgresServer& server, const Setup& setup) {
  postgres::Session session = server.connect("app");
  session.batch(owned_by_keeper);
  session.batch(setup.sql);
  if (setup.parameter && session.server_version() >= 150000) {
    session.batch("GRANT SET ON PARAMETER session_replication_role TO mover");
  }
}

void configure(const Place& place) {
  const auto database = [](const PostgresServer& server) {
    return fmt::format(
        "{{host: 127.0.0.1, port: {}, database: app, credentials: {{user: {}, passwordEnv: "
        "TEST_PASSWORD}}, tls: {{mode: disable}}}}",
        server.port(), role);
  };
  files::write_atomically(
      place.directory.path() / "crossover.yaml",
      fmt::format("name: test\napproval: none\ndatabases:\n  old: {}\n  new: {}\nsync:\n  answers: "
                  "{{listen: none, advisoryLocks: none, temporaryTables: none, workers: none}}\n",
                  database(place.world.old_server), database(place.world.new_server)));
}

/// The database as that role.
class AsRole final : public sync::Database {
 public:
  explicit AsRole(const PostgresServer& server) : server_(server) {}
  postgres::Session open(std::string_view purpose) const override {
    postgres::ConnectionOptions options = server_.options("app", role);
    options.application_name = "crossover test " + std::string(purpose);
    return postgres::Session(options);
  }
  std::string describe() const override { return "app"; }

 private:
  const PostgresServer& server_;
};

/// A whole migration under load, by that role.
void migrate(const Place& place) {
  World& world = place.world;
  Writers writers(world.old_server, 2);
  place.run(0, {"start"});
  place.run(0, {"verify"});
  place.run(0, {"start", "--reverse"});
  carry_the_rest(place, writers);
  switch_databases(world, AsRole(world.old_server), AsRole(world.new_server));
  Writers later(world.new_server, 2);
  place.run(0, {"verify", "--reverse"});
  later.stop();
  CHECK(later.last_failure().empty());
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  CHECK(world.equal_by_sql());
  CHECK(later.differences(world.old_db) == std::vector<std::string>{});
  place.run(0, {"finish"});
  place.run(0, {"remove", "--open-closed-side"});
}

/// "works", or the reasons of the preflight, which then has touched nothing.
std::string outcome_of(const Setup& setup, int version) {
  // The other side is never what stands in the way: there everything can be granted.
  World world(version, version == 17 ? 18 : 17);
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    server->connect("app").batch(fmt::format("CREATE ROLE {} LOGIN PASSWORD '{}'", role,
                                             server->options().password.reveal()));
    give(*server, setup);
  }
  const Place place(world);
  configure(place);
  const process::Outcome looked = place.start({"preflight"});
  const json result = json::parse(looked.out);
  const bool refused = looked.exit_code != 0;
  std::string said;
  for (const json& check : result["checks"]) {
    if (check["name"] == "old database" && check["outcome"] == (refused ? "fail" : "warn")) {
      said += (said.empty() ? "" : "; ") + check["detail"].get<std::string>();
    }
  }
  INFO(looked.err);
  if (!refused) {
    migrate(place);
    return said.empty() ? "works" : "works, but " + said;
  }
  CHECK(looked.exit_code == 3);
  CHECK_FALSE(said.empty());
  place.run(3, {"start"});
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    CHECK(
        server->connect("app").query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
  }
  return "refused: " + said;
}

const std::filesystem::path& document() {
  static const std::filesystem::path path =
      std::filesystem::path(CROSSOVER_SOURCE_DIR) / "docs/rights.md";
  return path;
}

std::string line_of(const Setup& setup, int version, const std::string& outcome) {
  return fmt::format("| {} | {} | {} |", version, setup.name, outcome);
}

}  // namespace

// CROSSOVER_RIGHTS_FILE=docs/rights.md with CROSSOVER_TEST_VERSIONS="12 13 14 15 16 17 18" writes
// the table anew.
TEST_CASE("what each role may do is what docs/rights.md says") {
  std::vector<int> versions = {12, 15};
  if (const char* wanted = std::getenv("CROSSOVER_TEST_VERSIONS")) {
    std::istringstream words(wanted);
    versions.assign(std::istream_iterator<int>(words), {});
  }
  const char* const file = std::getenv("CROSSOVER_RIGHTS_FILE");
  const std::string written = file == nullptr ? files::read(document()) : std::string();
  std::string table;
  for (const int version : versions) {
    for (const Setup& setup : setups()) {
      CAPTURE(version, setup.name);
      const std::string line = line_of(setup, version, outcome_of(setup, version));
      table += line + "\n";
      if (file == nullptr) {
        CHECK_THAT(written, Catch::Matchers::Contains(line + "\n"));
      }
    }
  }
  if (file != nullptr) {
    const std::string text = files::read(file);
    const std::string head = "|:---|---|---|\n";
    files::write_atomically(file, text.substr(0, text.find(head) + head.size()) + table);
  }
}
