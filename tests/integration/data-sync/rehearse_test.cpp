#include "base/error.h"
#include "cutover/pooler_config.h"
#include "cutover/rehearsal_entry.h"
#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/servers/scripted_server.h"
#include "integration/data-sync/boundaries.h"

using namespace crossover;
using namespace crossover::test;
using crossover::testing::ScriptedServer;
using nlohmann::json;

namespace {

constexpr const char* rehearsal = "crossover_rehearsal_test";

/// The line of the entry as `db-provision` writes it.
std::string entry_of_pooler(int port) {
  cutover::PoolerSpec spec;
  spec.migration = "test";
  spec.entry = "app";
  spec.old_server.target = {"127.0.0.1", port, "app"};
  spec.new_server.target = {"127.0.0.1", port, "app"};
  const std::string file = cutover::pooler_files(spec).at("start.ini");
  const std::string name = "\napp_rehearsal = ";
  const std::size_t at = file.find(name) + name.size();
  return file.substr(at, file.find('\n', at) - at);
}

/// Two databases, a pooler with all entries, and the copy of an API that asks it for `entry`.
struct Stage {
  explicit Stage(std::string rehearsal_entry = {})
      : world(14, 15),
        place(world),
        pooler({.databases = {{"app", to(world.old_server)},
                              {"app_check", to(world.new_server)},
                              {"app_rehearsal", rehearsal_entry.empty()
                                                    ? entry_of_pooler(world.new_server.port())
                                                    : with_port(std::move(rehearsal_entry))}},
                .users = {"postgres", "writer"}}) {
    configure(201);
    place.run(0, {"start"});
  }

  static std::string to(const PostgresServer& server) {
    return fmt::format("host=127.0.0.1 port={} dbname=app", server.port());
  }
  std::string with_port(std::string line) const {
    return line.replace(line.find("PORT"), 4, std::to_string(world.new_server.port()));
  }

  void configure(int status) const {
    place.configure(fmt::format(R"(
verify:
  endpoints:
    - {{name: roles, path: /roles, json: {{/count: 50}}, phase: full}}
    - {{name: create, path: /roles, method: POST, body: "{{token}}", status: {}, phase: full,
       writes: true}}
    - {{name: passing, path: /roles, method: POST, body: "passing", status: 201, phase: full,
       writes: true, cleanup: {{path: "/roles/{{/id}}"}}}}
    - {{name: count, path: /counters/1, method: POST, phase: full, writes: true}}
  targets:
    rehearsal: {{url: "http://127.0.0.1:{}"}}
)",
                                status, api.port()));
  }

  std::string answer(const ScriptedServer::Request& request) {
    try {
      postgres::Session session(pooler.options(entry, "writer"));
      if (request.method == "GET") {
        return ScriptedServer::answer(
            200, fmt::format(R"({{"count": {}}})",
                             session.batch_last("SELECT count(*) FROM public.role").text(0, 0)));
      }
      return write(request, session);
    } catch (const Error& error) {
      return ScriptedServer::answer(500, error.text());
    }
  }

  std::string write(const ScriptedServer::Request& request, postgres::Session& session) {
    if (on_write) {
      on_write();
    }
    if (request.method == "DELETE") {
      session.batch("DELETE FROM public.role WHERE id = " +
                    request.target.substr(request.target.rfind('/') + 1));
      return ScriptedServer::answer(204, "");
    }
    if (request.target == "/counters/1") {
      session.batch("UPDATE public.counter SET value = value + 1 WHERE id = 1");
      return ScriptedServer::answer(200, "{}");
    }
    const std::string values = postgres::quote_literal(request.body);
    const auto id =
        session.batch_last("INSERT INTO public.role (name) VALUES (" + values + ") RETURNING id")
            .int64(0, 0);
    if (leaks) {
      world.old_server.connect("app").batch(
          fmt::format("INSERT INTO public.role (id, name) VALUES ({}, {})", id, values));
    }
    ++added;
    return ScriptedServer::answer(201, fmt::format(R"({{"id": {}}})", id));
  }

  bool left_over() const {
    return !world.new_server.connect()
                .query("SELECT FROM pg_database WHERE datname = $1", {std::string(rehearsal)})
                .empty();
  }

  /// Of what the checks wrote.
  std::int64_t in_live_databases() const {
    std::int64_t count = 0;
    for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
      count += server->connect("app")
                   .query(
                       "SELECT count(*) FROM public.role "
                       "WHERE name LIKE 'crossover-%' OR name = 'passing'")
                   .int64(0, 0);
    }
    return count;
  }

  World world;
  Place place;
  PgBouncer pooler;
  std::string entry = "app_rehearsal";
  bool leaks = false;
  std::function<void()> on_write;
  std::atomic<int> added{0};
  ScriptedServer api{[this](const auto& request) { return answer(request); }};
};

json check_named(const json& result, const std::string& name) {
  for (const json& check : result["checks"]) {
    if (check["name"] == name) {
      return check;
    }
  }
  return {};
}

}  // namespace

TEST_CASE("a rehearsal writes to a copy under load, and leaves nothing") {
  Stage stage;
  const json planned = stage.place.run(0, {"rehearse", "--dry-run"});
  CHECK(stage.added == 0);
  CHECK_FALSE(stage.left_over());
  Writers writers(stage.world.old_server, 2);
  for (int round = 1; round <= 2; ++round) {
    const json done = stage.place.run(0, {"rehearse", "--approved-plan", planned["plan_sha256"]});
    INFO(done.dump(2));
    CHECK(done["changed"] == false);
    CHECK(stage.added == 2 * round);
    CHECK(done["tables"][0]["title"] == "answers");
    CHECK(done["tables"][0]["rows"].size() == 4);
    CHECK(done["metrics"]["rows_written"] == 3);
    CHECK(done["metrics"]["latency_max_seconds"] > 0);
    CHECK(check_named(done, "rehearsal sessions")["outcome"] == "pass");
    CHECK(check_named(done, "rehearsal writes, old database")["detail"] ==
          "none of 3 rows that the checks wrote is there");
    CHECK(check_named(done, "rehearsal writes, new database")["outcome"] == "pass");
    CHECK_FALSE(stage.left_over());
  }
  CHECK(stage.in_live_databases() == 0);
  for (const sync::Database* database : {&stage.world.old_db, &stage.world.new_db}) {
    CHECK(database->open("test")
              .query("SELECT count(*) FROM crossover.evidence WHERE verb = 'rehearse' AND outcome "
                     "= 'done'")
              .int64(0, 0) == 2);
  }
  carry_the_rest(stage.place, writers);
  const json refused = stage.place.run(3, {"rehearse", "--approved-plan", std::string(64, '0')});
  CHECK(refused["error"]["message"].get<std::string>().starts_with(
      "unable to run 'data-sync rehearse': the plan has changed since it was approved"));
}

TEST_CASE("a check that fails fails the rehearsal, and what was made goes all the same") {
  Stage stage;
  stage.configure(200);
  const json failed = stage.place.run(4, {"rehearse"});
  CHECK(failed["error"]["message"] == "unable to rehearse 'test': 1 of 8 checks failed");
  CHECK(check_named(failed, "create")["detail"] == "status 201, not 200");
  CHECK_FALSE(stage.left_over());
}

TEST_CASE("an API that is connected to a live database is found before anything is written") {
  const std::string query = cutover::rehearsal_connect_query("test");
  SECTION("the pooler's entry leads to the new database, and hangs up") {
    std::string line = entry_of_pooler(0);
    line.replace(line.find("port=0"), 6, "port=PORT");
    line.replace(line.find("dbname='crossover_rehearsal_test'"), 33, "dbname='app'");
    Stage stage(line);
    const json refused = stage.place.run(3, {"rehearse"});
    CHECK(refused["error"]["message"] ==
          "unable to rehearse: no session has come to 'crossover_rehearsal_test' through the "
          "pooler's entry 'app_rehearsal'");
    CHECK(check_named(refused, "roles")["outcome"] == "fail");
    CHECK(stage.added == 0);
    CHECK_FALSE(stage.left_over());
  }
  SECTION("the pooler's entry leads to the new database, and lets it in") {
    Stage stage(
        fmt::format("host=127.0.0.1 port=PORT dbname=app connect_query='SELECT "
                    "pg_advisory_lock_shared({})'",
                    cutover::rehearsal_mark("test")));
    const json refused = stage.place.run(3, {"rehearse"});
    CHECK(refused["error"]["message"].get<std::string>().starts_with(
        "unable to rehearse: the API has sessions in a live database: 1 in database 'app' by "));
    CHECK(stage.added == 0);
    CHECK_FALSE(stage.left_over());
  }
  SECTION("the API asks for another entry") {
    Stage stage;
    stage.entry = "app";
    const json refused = stage.place.run(3, {"rehearse"});
    CHECK(refused["error"]["message"].get<std::string>().starts_with(
        "unable to rehearse: no session has come to 'crossover_rehearsal_test'"));
    CHECK(check_named(refused, "roles")["outcome"] == "pass");
    CHECK(stage.added == 0);
    CHECK(stage.in_live_databases() == 0);
    CHECK_FALSE(stage.left_over());
  }
}

TEST_CASE("rows of the rehearsal that come to a live database by another way are found") {
  Stage stage;
  stage.leaks = true;
  const json failed = stage.place.run(4, {"rehearse"});
  const json check = check_named(failed, "rehearsal writes, old database");
  CHECK(check["outcome"] == "fail");
  CHECK(check["detail"].get<std::string>().starts_with(
      "rows that the checks wrote are there: public.role {\"id\": "));
  CHECK_FALSE(stage.left_over());
}

TEST_CASE("what a killed rehearsal has left goes with the next one, or with the migration") {
  Stage stage;
  Writers writers(stage.world.old_server, 2);
  const auto noted = stage.place.start({"rehearse"}, "*:note");
  REQUIRE(noted.exit_code == 0);
  const auto points = boundaries(noted);
  CHECK(points.size() >= 19);
  for (const std::string& point : points) {
    CAPTURE(point);
    REQUIRE(stage.place.start({"rehearse"}, point + ":kill").signal == 9);
    const bool left_over = stage.left_over();
    const json done = stage.place.run(0, {"rehearse"});
    CHECK(done["changed"] == left_over);
    if (left_over) {
      CHECK(done["changes"][0]["detail"] == "an earlier rehearsal had left it");
    }
    CHECK_FALSE(stage.left_over());
  }
  CHECK(stage.in_live_databases() == 0);
  carry_the_rest(stage.place, writers);
  REQUIRE(stage.place.start({"rehearse"}, "rehearse-copied:kill").signal == 9);
  stage.place.run(0, {"abort"});
  CHECK_FALSE(stage.left_over());
}

TEST_CASE("a rehearsal that is interrupted drops what it made") {
  Stage stage;
  StopRequest stop;
  stage.on_write = [&] { stop.request(); };
  process::Command command;
  command.argv = {CROSSOVER_DATA_SYNC, "rehearse"};
  command.directory = stage.place.directory.path();
  command.secret_environment = {{"TEST_PASSWORD", stage.world.old_server.options().password}};
  command.stop = &stop;
  command.timeout = std::chrono::seconds(60);
  CHECK_THROWS_AS(process::run(command), Error);
  CHECK(stop.requested());
  CHECK_FALSE(stage.left_over());
}

TEST_CASE("a rehearsal is for the time between the copy and the switch") {
  World world(14, 15);
  const Place place(world);
  place.configure(R"(
verify:
  endpoints: [{name: a, path: /a}]
  targets: {rehearsal: {url: "http://127.0.0.1:1"}}
)");
  CHECK(place.run(3, {"rehearse"})["error"]["message"] ==
        "unable to rehearse: the data has not been copied yet");
  place.run(0, {"start"});
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    postgres::Session session = server->connect("app");
    const std::string word = server == &world.old_server ? "ENABLE ALWAYS" : "DISABLE";
    const auto rows = session.query(
        "SELECT format('ALTER TABLE %s %s TRIGGER %I', tgrelid::regclass, $1::text, tgname) "
        "FROM pg_trigger WHERE tgname LIKE '%gate%' AND NOT tgisinternal",
        {word});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      session.batch(rows.text(i, 0));
    }
  }
  CHECK(place.run(3, {"rehearse"})["error"]["message"] ==
        "unable to rehearse: the service lives on the new database");
}
