// SIGKILL at random moments, wherever the programs are just then.
#include <iostream>

#include "fixtures/moments.h"
#include "integration/data-sync/structure.h"

using namespace crossover;
using namespace crossover::test;

namespace {

constexpr int start_kills = 6;
constexpr int follow_kills = 4;

Duration time_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - begin;
}

}  // namespace

TEST_CASE("a start that was killed at random moments ends as an undisturbed one") {
  World world(15, 17);
  const Place place(world);
  Moments moments("data-sync start");
  std::string undisturbed;
  Duration whole{};
  {
    Writers writers(world.old_server, 2);
    whole = time_of([&] { place.run(0, {"start"}); });
    place.run(0, {"verify"});
    carry_the_rest(place, writers);
    undisturbed = structures(world);
    place.run(0, {"abort"});
  }
  for (int kills = 0; kills < start_kills;) {
    empty_new_side(world);
    const Duration lifetime = moments.between({}, whole);
    INFO("killed after " << seconds(lifetime) << " s");
    Writers writers(world.old_server, 2);
    const process::Outcome outcome = place.start({"start"}, {}, lifetime);
    if (was_killed(outcome)) {
      ++kills;
      std::cout << fmt::format("start killed after {:.3f} of {:.3f} s\n", seconds(lifetime),
                               seconds(whole));
    } else {
      REQUIRE(outcome.exit_code == 0);
      whole = whole * 9 / 10;  // it was quicker than expected
    }
    place.run(0, {"start"});
    CHECK(place.run(0, {"start"})["changed"] == false);
    place.run(0, {"verify"});
    carry_the_rest(place, writers);
    CHECK(structure_changes(undisturbed, world) == std::vector<std::string>{});
    CHECK(left_behind(world) == 0);
    place.run(0, {"abort"});
  }
}

TEST_CASE("a follower that was killed at random moments is followed by one that loses nothing") {
  World world(15, 17);
  const Place place(world);
  Moments moments("data-sync follow");
  place.run(0, {"start"});
  const auto undisturbed = structures(world);
  for (int kills = 0; kills < follow_kills; ++kills) {
    const Duration lifetime = moments.between({}, std::chrono::milliseconds(1500));
    INFO("killed after " << seconds(lifetime) << " s");
    Writers writers(world.old_server, 2);
    REQUIRE(was_killed(place.start({"follow"}, {}, lifetime)));
    std::cout << fmt::format("follow killed after {:.3f} s\n", seconds(lifetime));
    carry_the_rest(place, writers);
    CHECK(structure_changes(undisturbed, world) == std::vector<std::string>{});
    CHECK(left_behind(world) == 0);
  }
}
