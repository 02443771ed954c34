// Whole lists of lost writes, for every kind of table.
#include <algorithm>

#include "base/retry.h"
#include "integration/data-sync/halted.h"
#include "sync/gate.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

std::string check_of(const json& result, const std::string& name) {
  for (const json& check : result.at("checks")) {
    if (check.at("name") == name) {
      return check.at("outcome").get<std::string>() + ": " + check.at("detail").get<std::string>();
    }
  }
  return "missing";
}

/// A site after `route-switch rollback --accept-loss`: `on_new` was written there and not carried,
/// `on_old` since the service is back.
struct Abandoned {
  Abandoned(int old_version, int new_version, const std::string& on_new, const std::string& on_old,
            const std::string& schema = {}, const std::string& migration_there = {})
      : world(old_version, new_version), place(world) {
    world.add_schema(schema);
    move_to_new(place);
    write(Side::new_side, "UPDATE public.role SET name = 'carried' WHERE id = 50");
    place.run(0, {"follow", "--reverse", "--until-caught-up"});
    world.new_db.open("migration").batch(migration_there);
    write(Side::new_side, on_new);
    make_live(world, Side::old_side);
    world.old_db.open("abandon").batch("UPDATE crossover.migration SET phase = 'new-abandoned'");
    write(Side::old_side, "UPDATE public.role SET name = 'here' WHERE id = 50;" + on_old);
  }
  void write(Side side, const std::string& sql) {
    const PostgresServer& server = side == Side::old_side ? world.old_server : world.new_server;
    server.connect("app", "writer").batch(sql);
  }
  /// The lines of the list.
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    const std::string text =
        files::read(place.directory.path() / "crossover-test-lost-writes.ndjson", 512 * mebibyte);
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }

  World world;
  Place place;
};

}  // namespace

TEST_CASE(
    "lost writes to tables of every kind are shown as rows, with what stands in their place") {
  const auto versions = GENERATE(std::pair(12, 18), std::pair(18, 12), std::pair(15, 17));
  Abandoned site(versions.first, versions.second,
                 R"(INSERT INTO public.event (id, token, role_id, body, raw, price, tags)
                      OVERRIDING SYSTEM VALUE
                      VALUES (90000, E'tab\t"quote" \\ and ü', 3, '{"n": 12345678901234567890.5}',
                              '\x00ff', 1.50, ARRAY['a,b', NULL, '']);
                    UPDATE public."Odd ""Name" SET "Key A" = 'moved' WHERE "Key A" = 'key 7';
                    DELETE FROM public.tree WHERE id = 300;
                    UPDATE public.part SET at = '2025-01-02' WHERE id = 1;
                    INSERT INTO public.note VALUES ('2026-01-01Z', 'same'), ('2026-01-01Z', 'same');
                    UPDATE public.role SET name = 'there' WHERE id = 1;
                    UPDATE public.role SET name = 'the same on both' WHERE id = 2)",
                 R"(UPDATE public.role SET name = 'here too' WHERE id = 1;
                    UPDATE public.role SET name = 'the same on both' WHERE id = 2;
                    INSERT INTO public.role (id, name) VALUES (800, 'not of the new database'))");
  const json result = site.place.run(0, {"salvage"});
  CHECK(
      site.lines() ==
      std::vector<std::string>{
          R"({"table":"public.Odd \"Name","operation":"delete","key":{"Key A": "key 7", "key,b": "7    "},"old_row":{"Key A":"key 7","key,b":"7    ","note":null},"new_row":null,"written_since":false})",
          R"({"table":"public.Odd \"Name","operation":"insert","key":{"Key A": "moved", "key,b": "7    "},"old_row":null,"new_row":{"Key A":"moved","key,b":"7    ","note":null},"written_since":false})",
          R"({"table":"public.event","operation":"insert","key":{"id": 90000},"old_row":null,"new_row":{"id":90000,"token":"tab\t\"quote\" \\ and ü","role_id":3,"body":{"n": 12345678901234567890.5},"state":"open","raw":"\\x00ff","price":1.50,"tags":["a,b",null,""],"doubled":3.00},"written_since":false})",
          R"({"table":"public.note","operation":"insert","key":null,"old_row":null,"new_row":{"at":"2026-01-01T00:00:00+00:00","text":"same"},"written_since":false})",
          R"({"table":"public.note","operation":"insert","key":null,"old_row":null,"new_row":{"at":"2026-01-01T00:00:00+00:00","text":"same"},"written_since":false})",
          R"({"table":"public.part","operation":"delete","key":{"at": "2023-12-02", "id": 1},"old_row":{"id":1,"at":"2023-12-02","v":"v"},"new_row":null,"written_since":false})",
          R"({"table":"public.part","operation":"insert","key":{"at": "2025-01-02", "id": 1},"old_row":null,"new_row":{"id":1,"at":"2025-01-02","v":"v"},"written_since":false})",
          R"({"table":"public.role","operation":"update","key":{"id": 1},"old_row":{"id":1,"name":"here too"},"new_row":{"id":1,"name":"there"},"written_since":true})",
          R"({"table":"public.tree","operation":"delete","key":{"id": 300},"old_row":{"id":300,"parent":150},"new_row":null,"written_since":false})",
      });
  CHECK(result["tables"][0]["columns"] ==
        json::array({"table", "operation", "key", "written in the old one since"}));
  CHECK(result["tables"][0]["rows"][7] ==
        json::array({"public.role", "update", R"({"id": 1})", "yes"}));
  CHECK(check_of(result, "lost writes") == "pass: 9 are in 'crossover-test-lost-writes.ndjson'");
  CHECK(check_of(result, "old database") ==
        "warn: it has been written since under the keys of 1 of them: decide which of both rows "
        "stays");
  CHECK(result["metrics"] == json{{"lost_inserts", 5},
                                  {"lost_updates", 1},
                                  {"lost_deletes", 3},
                                  {"lost_truncates", 0},
                                  {"lost_conflicts", 1}});
}

TEST_CASE("a lost TRUNCATE is listed with the rows that went by it") {
  Abandoned site(15, 17,
                 "TRUNCATE public.\"Odd \"\"Name\", public.part_2024;"
                 "INSERT INTO public.\"Odd \"\"Name\" VALUES ('key 3', '3', 'came back'), "
                 "('new', 'n', NULL)",
                 "DELETE FROM public.\"Odd \"\"Name\" WHERE \"Key A\" NOT IN ('key 3', 'key 4');"
                 "DELETE FROM public.part WHERE id > 32;"
                 "INSERT INTO public.\"Odd \"\"Name\" VALUES ('since', 's', NULL)");
  site.place.run(0, {"salvage"});
  std::vector<std::string> found;
  for (const std::string& text : site.lines()) {
    const json line = json::parse(text);
    found.push_back(
        line["operation"].get<std::string>() + " " +
        (line["key"].is_null() ? line["table"].get<std::string>() : line["key"].dump()));
  }
  CHECK(found == std::vector<std::string>{
                     "truncate public.Odd \"Name",
                     R"(update {"Key A":"key 3","key,b":"3    "})",
                     R"(insert {"Key A":"new","key,b":"n    "})",
                     R"(delete {"Key A":"key 4","key,b":"4    "})",
                     "truncate public.part",
                     R"(delete {"at":"2024-01-01","id":31})",
                     R"(delete {"at":"2024-01-02","id":32})",
                 });
}

TEST_CASE("what can't be known of lost writes is said") {
  Abandoned site(15, 17, "UPDATE public.role SET name = 'there' WHERE id = 1",
                 "UPDATE public.role SET name = 'here too' WHERE id = 1");
  SECTION("capture was taken off the old database at its limit, by a follower that does nothing") {
    site.place.configure("  logLimit: 1\n");
    CHECK(message(site.place.run(1, {"follow", "--reverse"}))
              .ends_with("capture was taken off to spare the service"));
    const json result = site.place.run(0, {"salvage"});
    CHECK(
        site.lines() ==
        std::vector<std::string>{
            R"({"table":"public.role","operation":"update","key":{"id": 1},"old_row":{"id":1,"name":"here too"},"new_row":{"id":1,"name":"there"},"written_since":null})"});
    CHECK(check_of(result, "old database") ==
          "warn: capture was taken off it, or it has failed over, so which of these rows it has "
          "been told anew since is not known");
    CHECK(result["tables"][0]["rows"][0][3] == "not known");
  }
  SECTION("capture was taken off the new database") {
    site.world.new_db.open("hand").batch("UPDATE crossover.migration SET capture = ''");
    CHECK(message(site.place.run(3, {"salvage"})) ==
          "unable to salvage: capture was taken off the new database, so what was written there is "
          "not known");
  }
  SECTION("the new database has failed over: its transaction ids say nothing") {
    // Carried, and then lost by it: the row of the old database is the newer one.
    site.world.old_db.open("failover")
        .batch("UPDATE crossover.position SET timeline = '000000FF' WHERE direction = 'reverse'");
    const json result = site.place.run(0, {"salvage"});
    CHECK(
        check_of(result, "new database") ==
        "warn: it has failed over, or was restored, since: what it lost of its own commits can't "
        "be listed, and as these may be carried ones, a row that is listed may be older than that "
        "of the old database");
    CHECK(site.lines().size() == 2);  // of all that its log still has
  }
  SECTION("the new database is as it was before what was carried last") {
    site.world.old_db.open("put back")
        .batch(
            "UPDATE crossover.position SET snapshot = '99999999:99999999:' WHERE direction = "
            "'reverse'");
    const json refused = site.place.run(3, {"salvage"});
    CHECK(message(refused) ==
          "unable to salvage: the new database is in a state from before what was carried from it "
          "last, so it does not know what was written there after that");
    CHECK(refused["error"]["hint"] ==
          "bring up the disk that was lost, not a copy of it from before; if it never will be, "
          "give --forget-lost-writes to `data-sync remove`");
    site.place.run(3, {"remove"});
  }
  SECTION("another cluster") {
    site.world.old_db.open("failover")
        .batch("UPDATE crossover.position SET system_identifier = '7' WHERE direction = 'reverse'");
    CHECK(message(site.place.run(3, {"salvage"}))
              .starts_with("unable to salvage: the new database is another cluster (system "
                           "identifier "));
  }
  SECTION("finish has taken off what it would be known by") {
    site.place.run(0, {"finish", "--forget-lost-writes"});
    const json refused = site.place.run(3, {"salvage"});
    CHECK(message(refused) ==
          "unable to salvage: `data-sync finish` has ended the migration and taken capture off, so "
          "what was written to the new database and not carried is not known");
    CHECK(refused["error"]["hint"] ==
          "if the new database had been given up before that, compare both by hand; else nothing "
          "is lost");
  }
  SECTION("nothing was given up") {
    site.world.old_db.open("hand").batch("UPDATE crossover.migration SET phase = 'following'");
    CHECK(message(site.place.run(3, {"salvage"})) ==
          "unable to salvage: the new database was not given up, so nothing is lost");
  }
}

TEST_CASE("the list of an earlier run is kept") {
  Abandoned site(15, 17, "UPDATE public.role SET name = 'there ' || id WHERE id IN (1, 2)", "");
  CHECK(site.place.run(0, {"salvage"})["report"]["file"] == "crossover-test-lost-writes.ndjson");
  const std::vector<std::string> first = site.lines();
  CHECK(first.size() == 2);
  // What has been brought back by hand is lost no more.
  site.write(Side::old_side, "UPDATE public.role SET name = 'there 1' WHERE id = 1");
  const json again = site.place.run(0, {"salvage"});
  CHECK(check_of(again, "lost writes") == "pass: 1 are in 'crossover-test-lost-writes-2.ndjson'");
  CHECK(site.lines() == first);
  const std::string second =
      files::read(site.place.directory.path() / "crossover-test-lost-writes-2.ndjson");
  CHECK(second == first[1] + "\n");
  CHECK(site.place.run(0, {"salvage"})["report"]["file"] == "crossover-test-lost-writes-2.ndjson");
}

TEST_CASE("a lost row is shown whatever it holds, in one line") {
  Abandoned site(15, 17, R"(INSERT INTO public.doc VALUES ('a', E'{"never":\n"jsonb \\u0000"}'))",
                 "",
                 "CREATE TABLE public.doc (t text PRIMARY KEY, body json);"
                 "GRANT ALL ON public.doc TO writer");
  site.place.run(0, {"salvage"});
  CHECK(
      site.lines() ==
      std::vector<std::string>{
          R"({"table":"public.doc","operation":"insert","key":{"t": "a"},"old_row":null,"new_row":{"t":"a","body":{"never": "jsonb \u0000"}},"written_since":false})"});
}

TEST_CASE("rows as wide as they may be are listed too, and few of them are held") {
  // Narrow ones come first, and are no measure of the others.
  Abandoned site(15, 17,
                 "INSERT INTO public.note (text) SELECT repeat('x', 3000000) FROM "
                 "generate_series(1, 12);"
                 "UPDATE public.doc SET body = body || 'there';"
                 "INSERT INTO public.role (id, name) SELECT 1000 + i, i || repeat('y', 2000) FROM "
                 "generate_series(1, 100) i",
                 "INSERT INTO public.note (text) SELECT repeat('z', 3000000) FROM "
                 "generate_series(1, 12)",
                 "CREATE TABLE public.doc (id int PRIMARY KEY, body text);"
                 "INSERT INTO public.doc SELECT i, repeat(md5(i::text), CASE WHEN i > 408 THEN "
                 "100000 ELSE 1 END) FROM generate_series(1, 420) i;"
                 "GRANT ALL ON public.doc TO writer");
  const auto list = site.place.directory.path() / "crossover-test-lost-writes.ndjson";
  Halted salvage(site.place, {"salvage", "--salvage-file", list.string()}, "salvage-listed");
  CHECK((!size_tells || salvage.peak_size() < 64 * mebibyte));
  const json result = site.place.result(0, salvage.go_on());
  CHECK(result["metrics"]["lost_inserts"] == 112);
  CHECK(result["metrics"]["lost_updates"] == 420);
  CHECK(result["metrics"]["lost_deletes"] == 12);
  const std::vector<std::string> lines = site.lines();
  CHECK(lines.size() == 544);
  CHECK(std::ranges::count_if(lines, [](const std::string& line) {
          return line.size() > 3000000 && json::accept(line);
        }) == 36);
}

TEST_CASE("the old database's log is read once for each table, however many writes are lost") {
  Abandoned site(15, 17,
                 "INSERT INTO public.role (id, name) SELECT i, 'there ' || i FROM "
                 "generate_series(1001, 6000) i",
                 "INSERT INTO public.role (id, name) SELECT i, 'here ' || i FROM "
                 "generate_series(4001, 9000) i");
  postgres::Session check = site.world.old_db.open("check");
  // A backend adds up what it has done when it ends.
  const auto scans = [&] {
    REQUIRE(poll(site.world.clock, site.world.stop, std::chrono::seconds(20),
                 std::chrono::milliseconds(5), [&] {
                   return check
                       .query(
                           "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' "
                           "AND pid <> pg_backend_pid()")
                       .empty();
                 }));
    return check
        .query(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables "
            "WHERE schemaname = 'crossover' AND relname = (SELECT 'log_' || id FROM "
            "crossover.synced_table WHERE table_name = 'role')")
        .int64(0, 0);
  };
  const std::int64_t before = scans();
  const json result = site.place.run(0, {"salvage"});
  CHECK(result["metrics"]["lost_inserts"] == 3000);
  CHECK(result["metrics"]["lost_updates"] == 2000);
  CHECK(result["metrics"]["lost_conflicts"] == 2000);
  // Whether it was truncated, and what was written.
  CHECK(scans() - before == 2);
}

TEST_CASE("lost writes are found though a migration has changed the tables since") {
  // A migration there is what stops the way back, so that much is lost with the database.
  Abandoned site(15, 17,
                 "UPDATE public.role SET phone = '1' WHERE id = 3;"
                 "UPDATE public.part SET shared = 7 WHERE id = 2;"
                 "UPDATE public.part SET shared = 0 WHERE id = 3;"
                 "UPDATE public.event SET token = 'there' WHERE id = 5;"
                 "UPDATE public.event SET token = token WHERE id = 6;"
                 "INSERT INTO public.tree VALUES (900, NULL);"
                 "DELETE FROM public.part WHERE id = 1",
                 "", "",
                 "ALTER TABLE public.role ADD COLUMN phone text;"
                 "ALTER TABLE public.part ADD COLUMN shared int DEFAULT 0;"
                 "ALTER TABLE public.event DROP COLUMN body");
  site.world.old_db.open("migration")
      .batch(
          "ALTER TABLE public.part ADD COLUMN shared int DEFAULT 0;"
          "ALTER TABLE public.tree RENAME TO wood");
  const json result = site.place.run(0, {"salvage"});
  std::vector<std::string> found;
  for (const std::string& text : site.lines()) {
    const json line = json::parse(text);
    found.push_back(line["operation"].get<std::string>() + " " + line["table"].get<std::string>() +
                    " " + line["key"].dump());
  }
  CHECK(found == std::vector<std::string>{R"(update public.event {"id":5})",
                                          R"(delete public.part {"at":"2023-12-02","id":1})",
                                          R"(update public.part {"at":"2023-12-03","id":2})",
                                          R"(update public.role {"id":3})"});
  CHECK(json::parse(site.lines().back())["new_row"]["phone"] == "1");
  CHECK(check_of(result, "columns") ==
        "warn: both databases have other columns of public.event, public.role: compared is what "
        "both have, and where the new one has more, every row that was written to is listed");
  CHECK(check_of(result, "tables") ==
        "warn: one of both databases has no public.tree any more, or not its key: what was written "
        "there is not listed");
}

TEST_CASE("what was planned before the new database was given up is not done after") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  const auto command =
      GENERATE(std::vector<std::string>{"finish"}, std::vector<std::string>{"abort"},
               std::vector<std::string>{"remove"}, std::vector<std::string>{"start"},
               std::vector<std::string>{"start", "--reverse"});
  Halted planned(place, command, "step-planned");
  world.old_db.open("abandon").batch("UPDATE crossover.migration SET phase = 'new-abandoned'");
  const std::string said = message(place.result(3, planned.go_on()));
  CHECK(said == (command.front() == "start"
                     ? "unable to start: the new database was given up by `route-switch rollback "
                       "--accept-loss`"
                     : fmt::format("unable to {} 'test': what was written to the new database and "
                                   "not carried to the old one has not been listed",
                                   command.front())));
}
