// Rows that the new database has already: shown by all columns of their natural key, refused, and
// where they are accepted written down for who asks later.
#include "integration/data-sync/place.h"
#include "sync/state.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

/// Seeds with a natural key of two columns, planted on both sides.
struct Seeded {
  Seeded() {
    world.add_schema(
        "CREATE TABLE public.office (id int PRIMARY KEY, city text NOT NULL, \"Street No\" int NOT "
        "NULL, UNIQUE (city, \"Street No\"))");
    world.old_db.open("seed").batch(
        "INSERT INTO public.office VALUES (1, 'Graz', 5), (2, 'Graz', 6), (3, 'Linz, a=b', 5)");
  }
  void plant(const std::string& rows) const {
    world.new_db.open("seed").batch("INSERT INTO public.office VALUES " + rows);
  }
  World world{15, 17};
  Place place{world};
};

json table_of(const json& result, const std::string& title) {
  for (const json& table : result["tables"]) {
    if (table["title"] == title) {
      return table["rows"];
    }
  }
  return {};
}

}  // namespace

TEST_CASE("a drift is reported by every column of its natural key") {
  const Seeded seeded;
  seeded.plant("(1, 'Graz', 5), (7, 'Graz', 6), (8, 'Linz, a=b', 5), (9, 'Linz', 1)");
  const std::string policies =
      GENERATE("", "  tables: {public.office: {policy: merge, key: [city, Street No]}}\n");
  seeded.place.configure(policies);
  for (const char* verb : {"preflight", "start"}) {
    const json refused = seeded.place.run(4, {verb});
    const bool merge = !policies.empty();
    CHECK(message(refused) ==
          fmt::format("unable to copy over the target's rows: city=Graz, Street No=6 of "
                      "'public.office' is id=2 in the source and id=7 in the target (and {} more)",
                      merge ? 1 : 2));
    json rows = {{"public.office", "city=Graz, Street No=6", "id=2", "id=7", "other identity"}};
    if (!merge) {
      rows.push_back({"public.office", "city=Linz, Street No=1", "", "id=9", "only in the target"});
    }
    rows.push_back(
        {"public.office", "city=Linz, a=b, Street No=5", "id=3", "id=8", "other identity"});
    CHECK(table_of(refused, "Rows of the target in the way") == rows);
  }
}

TEST_CASE("rows of the target that are accepted to go are in the evidence") {
  const Seeded seeded;
  seeded.plant("(1, 'Graz', 5), (9, 'Linz', 1), (10, 'Wien', 2)");
  seeded.place.configure("  tables: {public.office: {acceptTargetOnly: true}}\n");
  seeded.place.run(0, {"start"});
  seeded.place.run(0, {"verify"});
  for (const Side side : {Side::old_side, Side::new_side}) {
    postgres::Session session = seeded.world.databases.at(side).open("check");
    const auto entries = sync::read_evidence(session);
    REQUIRE(entries.size() == 1);
    CHECK(json::parse(entries.front().detail)["accepted_target_only"] ==
          json{{"public.office",
                {{"rows", 2}, {"keys", {"city=Linz, Street No=1", "city=Wien, Street No=2"}}}}});
  }
}
