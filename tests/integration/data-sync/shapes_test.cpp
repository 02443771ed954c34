// Shapes of tables that the whole task has to know: those that inherit.
#include "integration/data-sync/place.h"
#include "integration/sync/family.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

TEST_CASE("a family of tables from preflight to removal, under load") {
  Family family(15, 17);
  const Place place(family.world);
  postgres::Session new_side = family.world.new_db.open("test");
  place.run(0, {"preflight"});
  new_side.batch("INSERT INTO public.house (id) VALUES (90000)");
  const json refused = place.run(4, {"start"});
  CHECK(refused["error"]["message"] ==
        "unable to copy over the target's rows: id=90000 of 'public.house' is in the target only");
  CHECK(refused["tables"][0]["rows"] ==
        json::array({{"public.house", "id=90000", "", "id=90000", "only in the target"}}));
  new_side.batch("DELETE FROM public.house");

  Writers writers(family.world.old_server, 1);
  FamilyWriters members(family.world.old_server, 2);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  place.run(0, {"verify"});
  members.stop();
  CHECK(members.last_failure().empty());
  carry_the_rest(place, writers);
  CHECK(family.same());
  CHECK(members.differences(family.world.new_db) == std::vector<std::string>{});
  place.run(0, {"verify"});
  CHECK(place.run(0, {"abort"})["changed"] == true);
  CHECK(new_side
            .query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover%' AND NOT "
                   "tgisinternal")
            .int64(0, 0) == 0);
}

TEST_CASE("what of a family can't be carried is refused by name") {
  Family family(15, 17);
  const Place place(family.world);
  place.configure("  tables: {public.asset: {policy: skip}}\n");
  const json refused = place.run(3, {"preflight"});
  CHECK(refused["error"]["message"] ==
        "unable to move the data of 'test': table public.boat inherits from public.asset, which is "
        "not carried: statements that name that one would pass this one's gate; carry both or "
        "neither (and 2 more)");
}
