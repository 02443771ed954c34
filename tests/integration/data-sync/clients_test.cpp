// The preflight's table of the old database's clients, with a real session of each kind.
#include "sync/clients.h"

#include <atomic>
#include <thread>

#include "fixtures/postgres/pgbouncer.h"
#include "integration/data-sync/place.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

postgres::Session session_of(const World& world, const std::string& application) {
  postgres::ConnectionOptions options = world.old_server.options("app", "writer");
  options.application_name = application;
  return postgres::Session(options);
}

/// Short transactions, between which its last statement is COMMIT: seen only while one is open.
class Batch {
 public:
  explicit Batch(const World& world)
      : session_(session_of(world, "batch")), thread_([this] {
          while (!done_) {
            session_.batch("BEGIN; UPDATE public.counter SET value = value + 1 WHERE id = 9");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            session_.batch("COMMIT");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  ~Batch() {
    done_ = true;
    thread_.join();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

 private:
  std::atomic<bool> done_{false};
  postgres::Session session_;
  std::thread thread_;
};

json clients_of(const json& result) {
  for (const json& table : result.at("tables")) {
    if (table.at("title") == "Clients of the old database") {
      return table;
    }
  }
  return {};
}

std::vector<std::string> checks_of(const json& result, const std::string& prefix) {
  std::vector<std::string> found;
  for (const json& check : result.at("checks")) {
    const std::string name = check.at("name");
    if (name.starts_with(prefix)) {
      found.push_back(check.at("outcome").get<std::string>() + " " + name + ": " +
                      check.at("detail").get<std::string>());
    }
  }
  return found;
}

const std::string always =
    "pass clients: no server keeps what a session has done: \"not seen\" is of the time that was "
    "watched and of each session's last statement";

}  // namespace

TEST_CASE("the preflight shows what every client of the old database was seen doing") {
  const int version = GENERATE(12, 15, 17, 18);
  CAPTURE(version);
  World world(version, version == 17 ? 18 : 17);  // not of one initdb
  const Place place(world);
  postgres::Session api_writes = session_of(world, "api");
  api_writes.batch("BEGIN; UPDATE public.counter SET value = 1 WHERE id = 1");
  postgres::Session api_reads = session_of(world, "api");
  api_reads.query("SELECT count(*) FROM public.role");
  postgres::Session report = session_of(world, "report");
  report.batch("BEGIN; SELECT count(*) FROM public.event; SAVEPOINT page");
  postgres::Session importer = session_of(world, "import");
  importer.batch("/* done */ SELECT 1; BEGIN; INSERT INTO public.note (text) VALUES ('x'); COMMIT");
  importer.query("INSERT INTO public.note (text) VALUES ('y')");
  postgres::Session listener = session_of(world, "listener");
  listener.batch("LISTEN news");
  postgres::Session locker = session_of(world, "locker");
  locker.query("SELECT pg_advisory_lock(7)");
  postgres::Session xact_locker = session_of(world, "xact locker");
  xact_locker.batch("BEGIN; SELECT pg_advisory_xact_lock(8)");
  postgres::Session temporary = session_of(world, "temporary");
  temporary.batch("CREATE TEMPORARY TABLE basket (id int)");
  temporary.batch("SET TimeZone = 'UTC'");
  postgres::Session temporary_xact = session_of(world, "temporary xact");
  temporary_xact.batch("CREATE TEMPORARY TABLE basket (id int)");
  temporary_xact.batch("BEGIN; INSERT INTO basket VALUES (1); SAVEPOINT page");
  postgres::Session idle = session_of(world, "idle");
  idle.batch("SET TimeZone = 'UTC'");
  world.old_server.connect("app").batch(
      "CREATE FUNCTION public.tell() RETURNS void LANGUAGE sql AS $$ SELECT pg_notify('news', '') "
      "$$");
  const Batch batch(world);

  const json result = place.run(0, {"preflight", "--watch", "1s"});
  const json clients = clients_of(result);
  CHECK(clients["columns"] ==
        json::array({"address", "application", "role", "by a pooler", "sessions", "in transaction",
                     "writes", "reads", "LISTEN", "advisory locks", "temporary tables"}));
  const bool names_sessions = version >= 16;
  const auto row = [](const char* application, const char* sessions, const char* in_transaction,
                      bool writes, bool reads, bool listens, const char* locks,
                      const char* tables) {
    const auto word = [](bool seen) { return seen ? "seen" : "not seen"; };
    return json::array({"127.0.0.1", application, "writer", "not known", sessions, in_transaction,
                        word(writes), word(reads), word(listens), locks, tables});
  };
  CHECK(
      clients["rows"] ==
      json::array({row("api", "2", "1", true, true, false, "0", "0"),
                   row("batch", "1", "1", true, false, false, "0", "0"),
                   row("idle", "1", "0", false, false, false, "0", "0"),
                   row("import", "1", "0", true, false, false, "0", "0"),
                   row("listener", "1", "0", false, false, true, "0", "0"),
                   row("locker", "1", "0", false, true, false, "1 (1 across transactions)", "0"),
                   row("report", "1", "1", false, true, false, "0", "0"),
                   row("temporary", "1", "0", false, false, false, "0", names_sessions ? "1" : "0"),
                   row("temporary xact", "1", "1", false, false, false, "0", "1"),
                   row("xact locker", "1", "1", false, false, false, "1", "0")}));
  std::vector<std::string> checks = {always};
  if (!names_sessions) {
    checks.insert(checks.begin(),
                  "pass clients: 1 temporary tables are of sessions that this server does not "
                  "name, or were left by a crash");
  }
  CHECK(checks_of(result, "client") == checks);
}

TEST_CASE("several APIs and workers on one database: who goes past the pooler is named") {
  World world(15, 17);
  const Place place(world);
  const PgBouncer pooler({.databases = {{"app", fmt::format("host=127.0.0.1 port={} dbname=app",
                                                            world.old_server.port())}},
                          .users = {"postgres", "writer"}});
  postgres::ConnectionOptions by_pooler = pooler.options("app", "writer");
  by_pooler.application_name = "new api";
  postgres::Session new_api(by_pooler);
  new_api.query("UPDATE public.counter SET value = 2 WHERE id = 2");
  postgres::Session old_api = session_of(world, "old api");
  old_api.query("UPDATE public.counter SET value = 3 WHERE id = 3");
  postgres::Session second_api = session_of(world, "second api");
  second_api.query("SELECT count(*) FROM public.role");
  postgres::Session worker = session_of(world, "worker");
  worker.query("DELETE FROM public.note");
  const auto row = [](const char* application, const char* by_a_pooler, bool writes, bool reads) {
    return json::array({"127.0.0.1", application, "writer", by_a_pooler, "1", "0",
                        writes ? "seen" : "not seen", reads ? "seen" : "not seen", "not seen", "0",
                        "0"});
  };
  const auto rows = [&](const char* by_a_pooler) {
    return json::array(
        {row("new api", by_a_pooler, true, false), row("old api", by_a_pooler, true, false),
         row("second api", by_a_pooler, false, true), row("worker", by_a_pooler, true, false)});
  };
  // All of this machine come from one address; a pooler has one of its own.
  const json taken = place.run(0, {"preflight", "--watch", "0ms", "--pooler-address", "::FFFF",
                                   "--pooler-address", "127.0.0.1"});
  CHECK(clients_of(taken)["rows"] == rows("yes"));
  CHECK(checks_of(taken, "client") == std::vector<std::string>{always});
  const json left = place.run(0, {"preflight", "--watch", "0ms", "--pooler-address", "10.9.8.7"});
  CHECK(clients_of(left)["rows"] == rows("no"));
  const std::string writes =
      " of role writer at 127.0.0.1: writes past the poolers: a switch does not take it along, and "
      "refuses what it writes from then on (25006)";
  CHECK(checks_of(left, "client") ==
        std::vector<std::string>{
            "warn client new api" + writes, "warn client old api" + writes,
            "pass client second api of role writer at 127.0.0.1: is connected past the poolers, "
            "though not seen to write: a switch does not take it along",
            "warn client worker" + writes, always});
  const json name = place.run(2, {"preflight", "--pooler-address", "pooler:6432"});
  CHECK(message(name) == "unable to use 'pooler:6432' as a pooler's address: it is no IP address");
  CHECK(name["error"]["hint"] ==
        "give the address that its sessions come from (client_addr of pg_stat_activity)");
}

TEST_CASE("sessions that a role may not look into are shown as such, with what their locks say") {
  const int version = GENERATE(12, 18);
  CAPTURE(version);
  World world(version, 17);
  world.old_server.create_role("looker");
  postgres::ConnectionOptions options = world.old_server.options("app", "looker");
  options.application_name = "crossover preflight";
  postgres::Session looker(options);
  postgres::Session writes = session_of(world, "api");
  writes.batch("BEGIN; UPDATE public.counter SET value = 1 WHERE id = 1");
  postgres::Session hidden = session_of(world, "worker");
  hidden.query("UPDATE public.counter SET value = 2 WHERE id = 2");
  hidden.query("SELECT pg_advisory_lock(7)");
  const sync::ClientsSeen seen = sync::read_clients(looker);
  std::vector<std::string> found;
  for (const sync::DatabaseClient& one : seen.clients) {
    found.push_back(fmt::format("{} {} {} writes {} reads {} locks {} ({}) hidden {}", one.address,
                                one.application, one.role, one.writes, one.reads,
                                one.advisory_locks, one.session_advisory_locks, one.hidden));
  }
  CHECK(found == std::vector<std::string>{
                     "(hidden) api writer writes true reads false locks 0 (0) hidden true",
                     "(hidden) worker writer writes false reads false locks 1 (0) hidden true"});
}

TEST_CASE("the questions that only the application can answer say what was seen") {
  World world(17, 17);
  postgres::Session session = world.old_db.open("clients");
  const auto questions = [&] {
    std::vector<std::string> texts;
    for (const sync::Finding& finding : sync::open_questions({}, sync::read_clients(session))) {
      texts.push_back(finding.text);
    }
    return texts;
  };
  const std::string workers =
      "are there workers or schedules that both APIs would run at the same time?";
  CHECK(questions() ==
        std::vector<std::string>{
            "does the application use LISTEN? It does not work behind transaction pooling",
            "does it hold advisory locks across transactions?",
            "does it use temporary tables across transactions?", workers});
  world.old_server.connect("app").batch(
      "CREATE FUNCTION public.tell() RETURNS void LANGUAGE sql AS $$ SELECT pg_notify('news', '') "
      "$$");
  CHECK(questions().front() ==
        "does the application use LISTEN (public.tell() would tell it)? It does not work behind "
        "transaction pooling");
  postgres::Session listener = session_of(world, "listener");
  listener.batch("LISTEN news");
  postgres::Session locker = session_of(world, "locker");
  locker.batch("CREATE TEMPORARY TABLE basket (id int)");
  locker.query("SELECT pg_advisory_lock(7)");
  CHECK(questions() ==
        std::vector<std::string>{
            "does the application use LISTEN (seen in use now)? It does not work behind "
            "transaction pooling",
            "does it hold advisory locks across transactions (seen in use now)?",
            "does it use temporary tables across transactions (seen in use now)?", workers});
}
