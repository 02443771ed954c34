#include "integration/data-sync/place.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

constexpr const char* hint =
    "mend the seeds, or set the table's policy to merge, or acceptTargetOnly: true, in sync.tables";

void check_refused(const json& refused, const std::string& message) {
  CHECK(refused["error"]["message"] == message);
  CHECK(refused["error"]["hint"] == hint);
}

bool untouched(const sync::Database& database) {
  return database.open("check").query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0);
}

// As many as there are, and one by one what the result shows of them.
std::vector<std::string> shown(const json& result) {
  std::vector<std::string> lines;
  for (const json& row : result["tables"][0]["rows"]) {
    std::string line;
    for (const json& cell : row) {
      line += (line.empty() ? "" : " | ") + cell.get<std::string>();
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("a row that only the target has is found however many it has") {
  World world(15, 17);
  Place place(world);
  const std::string rows =
      "INSERT INTO public.counter (id, updated_at) SELECT i, '2024-01-01' "
      "FROM generate_series(100001, 112000) i";
  world.old_server.connect("app").batch(rows);
  world.new_server.connect("app").batch(rows + "; INSERT INTO public.counter (id) VALUES (999999)");
  for (const char* verb : {"preflight", "start"}) {
    check_refused(
        place.run(4, {verb}),
        "unable to copy over the target's rows: id=999999 of 'public.counter' is in the target "
        "only");
  }
  CHECK(untouched(world.old_db));
  CHECK(untouched(world.new_db));
  CHECK(world.new_db.open("check").query("SELECT count(*) FROM public.counter").int64(0, 0) ==
        12001);
}

TEST_CASE("of many rows that only the target has all are counted and the first are shown") {
  World world(15, 17);
  Place place(world);
  world.new_server.connect("app").batch(
      "INSERT INTO public.tree SELECT i FROM generate_series(1001, 1120) i;"
      "INSERT INTO public.role (id, name) VALUES (1, 'role 1'), (7, 'role 8'), (70, 'new')");
  const json refused = place.run(4, {"start"});
  CHECK(message(refused) ==
        "unable to copy over the target's rows: name=new of 'public.role' is in the target only "
        "(and 121 more)");
  CHECK(refused["error"]["hint"] ==
        std::string("delete in the target what has another identity there, or give it the "
                    "source's, with what refers to it; ") +
            hint);
  std::vector<std::string> expected = {"public.role | name=new |  | id=70 | only in the target",
                                       "public.role | name=role 8 | id=8 | id=7 | other identity"};
  for (int i = 1001; i <= 1020; ++i) {
    expected.push_back(fmt::format("public.tree | id={0} |  | id={0} | only in the target", i));
  }
  expected.emplace_back("public.tree | (and 100 more) |  |  | ");
  CHECK(shown(refused) == expected);
}

TEST_CASE("rows that a keyless table has more often in the target are found") {
  World world(15, 17);
  Place place(world);
  world.old_server.connect("app").batch(
      "INSERT INTO public.note SELECT '2024-01-01', 'same' FROM generate_series(1, 3)");
  world.new_server.connect("app").batch(
      "INSERT INTO public.note SELECT '2024-01-01', 'same' FROM generate_series(1, 3)");
  place.run(0, {"preflight"});
  world.new_server.connect("app").batch(
      "INSERT INTO public.note VALUES ('2024-01-01', 'same'), (NULL, 'more')");
  const json refused = place.run(4, {"start"});
  check_refused(refused,
                "unable to copy over the target's rows: (\"2024-01-01 00:00:00+00\",same) of "
                "'public.note' is in the target only (and 1 more)");
  CHECK(shown(refused) ==
        std::vector<std::string>{
            "public.note | (\"2024-01-01 00:00:00+00\",same) |  |  | only in the target",
            "public.note | (,more) |  |  | only in the target"});
  CHECK(untouched(world.old_db));
  CHECK(untouched(world.new_db));
  place.configure("  tables: {public.note: {acceptTargetOnly: true}}\n");
  place.run(0, {"start"});
  CHECK(world.equal_by_sql());
}

TEST_CASE("natural keys with NULL in them are told apart by the identity") {
  World world(15, 17);
  Place place(world);
  world.add_schema("CREATE TABLE public.person (id int PRIMARY KEY, email text UNIQUE)");
  world.old_server.connect("app").batch(
      "INSERT INTO public.person VALUES (1, NULL), (2, NULL), (3, 'c')");
  world.new_server.connect("app").batch("INSERT INTO public.person VALUES (2, NULL), (3, 'c')");
  place.run(0, {"preflight"});
  world.new_server.connect("app").batch("INSERT INTO public.person VALUES (4, NULL)");
  check_refused(place.run(4, {"preflight"}),
                "unable to copy over the target's rows: email=NULL (id=4) of 'public.person' is in "
                "the target only");
}

TEST_CASE("two databases that are swapped in the configuration are refused") {
  World world(15, 17);
  Place place(world);
  place.fail_over(world.new_server, world.old_server);
  check_refused(place.run(4, {"start"}),
                "unable to copy over the target's rows: Key A=key 1, key,b=1 of 'public.Odd "
                "\"Name' is in the target only (and 9569 more)");
  CHECK(untouched(world.old_db));
  CHECK(untouched(world.new_db));
  CHECK(world.old_db.open("check").query("SELECT count(*) FROM public.event").int64(0, 0) == 5000);
}
