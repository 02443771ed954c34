// What was written to a new database that was given up, and not carried, when it answers again.
#include <map>
#include <set>
#include <thread>

#include "fixtures/error_of.h"
#include "integration/cutover/site.h"
#include "sync/state.h"

namespace crossover::test {
namespace {

using nlohmann::json;
using sync::Side;

/// `data-sync follow --reverse` beside the test.
class Follower {
 public:
  explicit Follower(Site& site)
      : thread_([this, &site] {
          outcome_ = site.start_program(CROSSOVER_DATA_SYNC,
                                        {"follow", "--reverse", "--interval", "100ms"});
        }) {}
  ~Follower() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  /// It ends by itself when it loses a database.
  process::Outcome end() {
    thread_.join();
    return outcome_;
  }

 private:
  process::Outcome outcome_;
  std::thread thread_;
};

std::vector<json> lines_of(const std::filesystem::path& file) {
  std::vector<json> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line));
  }
  return lines;
}

// "ID TOKEN" of every event of the new database that the old one does not have just so: by plain
// SQL, without a look at any log.
std::set<std::string> events_missing(Service& service) {
  const auto read = [&](Side side) {
    std::set<std::string> found;
    const auto rows =
        service.server(side).connect("app").query("SELECT id || ' ' || token FROM public.event");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      found.emplace(rows.text(i, 0));
    }
    return found;
  };
  const std::set<std::string> old_side = read(Side::old_side);
  std::set<std::string> missing;
  for (const std::string& event : read(Side::new_side)) {
    if (!old_side.contains(event)) {
      missing.insert(event);
    }
  }
  return missing;
}

// The tokens that were acknowledged and are not in the old database.
std::set<std::string> acknowledged_and_lost(const Writers& writers, Service& service) {
  const std::string prefix = "lost token ";
  std::set<std::string> tokens;
  for (const std::string& line : writers.differences(service, Side::old_side)) {
    if (line.starts_with(prefix)) {
      tokens.insert(line.substr(prefix.size()));
    }
  }
  return tokens;
}

bool await(Service& service, Side side, const std::string& sql) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (service.number(side, sql) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

struct Listed {
  std::set<std::string> events;  ///< "ID TOKEN"
  std::multiset<std::string> tokens;
  std::map<int, json> profiles;  ///< by id
  std::int64_t conflicts = 0;
};

Listed read_list(const std::filesystem::path& file) {
  Listed listed;
  for (const json& line : lines_of(file)) {
    INFO(line);
    listed.conflicts += line["written_since"] == true ? 1 : 0;
    const int id = line["key"]["id"];
    if (line["table"] == "public.profile") {
      CHECK(listed.profiles.emplace(id, line).second);
      continue;
    }
    CHECK(line["table"] == "public.event");
    // An id that the old database has given to another event since is a conflict, and no other.
    CHECK(line["operation"] == (line["old_row"].is_null() ? "insert" : "update"));
    CHECK(line["written_since"] == !line["old_row"].is_null());
    const std::string token = line["new_row"]["token"];
    listed.events.insert(std::to_string(id) + " " + token);
    listed.tokens.insert(token);
  }
  return listed;
}

std::string name_in(const json& row) { return row.is_null() ? "null" : row["name"].dump(); }

std::string line_of(const json& line) {
  return fmt::format("{} {} {} {}", line["operation"].get<std::string>(), name_in(line["old_row"]),
                     name_in(line["new_row"]), line["written_since"].dump());
}

// Under load: the new database dies while a follower can't carry; the service goes on on the old.
struct LostSite {
  static constexpr int writer_count = 6;

  LostSite() : writers(site.service(), writer_count, std::chrono::milliseconds(10)) {
    Service& service = site.service();
    REQUIRE(writers.wait_for(50, std::chrono::seconds(60)));
    site.run(0, {"switch"});
    Follower follower(site);
    postgres::Session app = service.server(Side::new_side).connect("app");
    app.batch("UPDATE public.profile SET name = 'carried' WHERE id = 50");
    REQUIRE(writers.wait_for(50, std::chrono::seconds(60)));
    REQUIRE(await(service, Side::old_side,
                  "SELECT count(*) FROM public.profile WHERE name = 'carried'"));
    // From here on nothing is carried, though the follower is there.
    postgres::Session obstacle = service.server(Side::old_side).connect("app");
    obstacle.batch("BEGIN; LOCK TABLE crossover.position");
    app.batch(
        "INSERT INTO public.profile (id, name) VALUES (900, 'only there');"
        "UPDATE public.profile SET name = 'changed there' WHERE id = 41;"
        "DELETE FROM public.profile WHERE id = 42;"
        "UPDATE public.profile SET name = 'for a while' WHERE id = 43");
    app.batch(
        "UPDATE public.profile SET name = 'p43' WHERE id = 43;"
        "UPDATE public.profile SET name = 'there' WHERE id = 44;"
        "INSERT INTO public.profile (id, name) VALUES (901, 'came and went');"
        "DELETE FROM public.profile WHERE id = 901");
    REQUIRE(writers.wait_for(100, std::chrono::seconds(60)));
    service.server(Side::new_side).crash();
    obstacle.batch("ROLLBACK");
    CHECK(follower.end().exit_code == 1);

    const std::string hash = site.run(0, {"rollback", "--accept-loss", "--dry-run"})["plan_sha256"];
    rollback = {"rollback", "--accept-loss", "--approved-plan", hash};
    CHECK(site.run(0, rollback)["changed"] == true);
    postgres::Session(service.pooler(0).options("app", "app"))
        .batch("UPDATE public.profile SET name = 'here ' || id WHERE id IN (44, 50)");
    REQUIRE(writers.wait_for(100, std::chrono::seconds(60)));
    writers.stop();
  }

  json run(int exit_code, std::vector<std::string> arguments) {
    return site.run_program(exit_code, CROSSOVER_DATA_SYNC, std::move(arguments));
  }

  /// It comes back, and its gate is closed.
  void bring_back() {
    site.service().server(Side::new_side).start();
    site.run(0, rollback);
  }

  // The smallest margin: both databases give out the same ids at once.
  Site site{"approval: none\nsync: {sequenceMargin: 1}\n"};
  Writers writers;
  std::vector<std::string> rollback;
};

TEST_CASE("the acknowledged writes that a lost database had not given back are listed, no others") {
  LostSite lost;
  Service& service = lost.site.service();
  // What the follower had carried was not in the way of the service's new ids.
  for (const std::string& failure : lost.writers.failures()) {
    CHECK_FALSE(failure.starts_with("23505"));
  }
  lost.run(1, {"salvage"});  // it is not there yet
  service.server(Side::new_side).start();
  const json open = lost.run(3, {"salvage"});
  CHECK(message(open) ==
        "unable to salvage: the gate of the new database is open, so it may still be written");
  CHECK(open["error"]["hint"] ==
        "run the same `route-switch rollback --accept-loss` again: it closes the gate");
  CHECK(lost.site.run(0, lost.rollback)["changed"] == true);

  const json result = lost.run(0, {"salvage"});
  CHECK(result["changed"] == false);
  const auto file = lost.site.folder() / "crossover-registry-lost-writes.ndjson";
  const Listed listed = read_list(file);
  CHECK(listed.events == events_missing(service));
  const std::set<std::string> acknowledged = acknowledged_and_lost(lost.writers, service);
  CHECK(acknowledged.size() >= 90);  // of the hundred, but for some of the follower's last drain
  std::size_t in_doubt = 0;          // committed, but the answer was lost with the server
  for (const std::string& token : listed.tokens) {
    in_doubt += acknowledged.contains(token) ? 0 : 1;
    CHECK(listed.tokens.count(token) == 1);
  }
  for (const std::string& token : acknowledged) {
    CHECK(listed.tokens.contains(token));
  }
  CHECK(in_doubt <= LostSite::writer_count);

  std::map<int, json> profiles = listed.profiles;
  for (int writer = 1; writer <= LostSite::writer_count; ++writer) {
    REQUIRE(profiles.contains(writer));
    CHECK(profiles[writer]["operation"] == "update");
    CHECK(profiles[writer]["new_row"]["counter"] ==
          service.number(Side::new_side, "SELECT counter FROM public.profile WHERE id = " +
                                             std::to_string(writer)));
    profiles.erase(writer);
  }
  std::map<int, std::string> others;
  for (const auto& [id, line] : profiles) {
    others[id] = line_of(line);
  }
  CHECK(others == std::map<int, std::string>{
                      {41, R"(update "p41" "changed there" false)"},
                      {42, R"(delete "p42" null false)"},
                      {44, R"(update "here 44" "there" true)"},
                      {900, R"(insert null "only there" false)"},
                  });
  const auto lines = static_cast<std::int64_t>(listed.events.size() + listed.profiles.size());
  CHECK(result["metrics"]["lost_inserts"].get<std::int64_t>() +
            result["metrics"]["lost_updates"].get<std::int64_t>() +
            result["metrics"]["lost_deletes"].get<std::int64_t>() ==
        lines);
  CHECK(result["metrics"]["lost_conflicts"] == listed.conflicts);
  CHECK(check_named(result, "lost writes")["detail"] ==
        fmt::format("{} are in 'crossover-registry-lost-writes.ndjson'", lines));
  CHECK(result["tables"][0]["rows"].size() == 20);

  // Again, and into another file: the same.
  lost.run(0, {"salvage", "--salvage-file", "again.ndjson"});
  CHECK(lines_of(lost.site.folder() / "again.ndjson") == lines_of(file));
}

TEST_CASE("nothing that knows of lost writes goes before they are listed") {
  LostSite lost;
  lost.bring_back();
  for (const char* verb : {"finish", "abort", "remove"}) {
    const json refused = lost.run(3, {verb});
    CHECK(message(refused) == fmt::format("unable to {} 'registry': what was written to the new "
                                          "database and not carried to the old one has not been "
                                          "listed",
                                          verb));
    CHECK(refused["error"]["hint"] ==
          "run `data-sync salvage` when the new database answers again; if it never will, give "
          "--forget-lost-writes");
  }
  lost.run(3, {"remove", "--side", "new"});
  lost.run(3, {"remove", "--side", "old"});
  // Nor is anything carried over what is listed.
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"start"}, {"start", "--reverse"}, {"verify"}, {"follow"}}) {
    CHECK(message(lost.run(3, command)) ==
          fmt::format("unable to {}: the new database was given up by `route-switch rollback "
                      "--accept-loss`",
                      command.front()));
  }
  SECTION("the list was made") {
    lost.run(0, {"salvage"});
    CHECK(read_list(lost.site.folder() / "crossover-registry-lost-writes.ndjson").events ==
          events_missing(lost.site.service()));
    lost.run(0, {"remove"});
  }
  SECTION("the old database does not answer for a while") {
    lost.site.service().server(Side::old_side).stop();
    const json refused = lost.run(3, {"remove", "--side", "new"});
    CHECK(message(refused).starts_with(
        "unable to remove 'registry': only the old database says whether the new one was given up: "
        "unable to connect to '"));
    CHECK(refused["error"]["hint"] ==
          "run this again when it answers; if it never will, give --forget-lost-writes");
    lost.site.service().server(Side::old_side).start();
    lost.run(0, {"salvage"});
  }
  SECTION("the new database never comes back") {
    lost.site.service().server(Side::new_side).stop();
    lost.run(3, {"remove", "--side", "old"});
    lost.run(0, {"remove", "--side", "old", "--forget-lost-writes"});
  }
}

TEST_CASE("a database that was given up is closed and left whatever a migration has made of it") {
  LostSite lost;
  Service& service = lost.site.service();
  PostgresServer& server = service.server(Side::new_side);
  server.start();
  server.connect("app").batch(
      "ALTER TABLE public.profile RENAME TO account; DROP TABLE public.event");
  CHECK(lost.site.run(0, lost.rollback)["changed"] == true);
  const Error refused = error_of(
      [&] { server.connect("app").batch("INSERT INTO public.account (name) VALUES ('late')"); });
  CHECK(refused.sqlstate() == "25006");
  CHECK(refused.message().find("this database is closed by crossover, the service lives on the "
                               "other one") != std::string::npos);
  CHECK(lost.site.run(0, lost.rollback)["changed"] == false);

  lost.run(0, {"salvage"});
  lost.run(0, {"remove", "--open-closed-side"});
  constexpr const char* ours =
      "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'crossover%'";
  for (const Side side : {Side::old_side, Side::new_side}) {
    CHECK(service.number(side, ours) == 0);
    CHECK(service.number(side, "SELECT count(*) FROM pg_namespace WHERE nspname = 'crossover'") ==
          0);
  }
  server.connect("app").batch("INSERT INTO public.account (name) VALUES ('free')");
}

}  // namespace
}  // namespace crossover::test
