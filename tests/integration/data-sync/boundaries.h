#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "fixtures/boundaries.h"
#include "integration/data-sync/structure.h"

namespace crossover::test {

/// A verb under the load that there is when it is run.
struct Step {
  std::vector<std::string> arguments;
  const PostgresServer& live;         ///< whose load it is
  std::function<void()> prepare;      ///< makes it due
  std::function<void(Writers&)> end;  ///< checks what the load has written
};

/// Runs the step undisturbed, then once for each of its boundaries, at which it is killed and run
/// again, and requires that it ends as undisturbed. Returns the boundaries.
inline std::vector<std::string> kill_at_every_boundary(const Place& place, const Step& step) {
  std::vector<std::string> points;
  std::string undisturbed;
  {
    step.prepare();
    Writers writers(step.live, 2);
    const process::Outcome noted = place.start(step.arguments, "*:note");
    INFO(noted.out << noted.err);
    REQUIRE(noted.exit_code == 0);
    points = boundaries(noted);
    undisturbed = structures(place.world);
    step.end(writers);
  }
  for (const std::string& point : points) {
    CAPTURE(point);
    step.prepare();
    Writers writers(step.live, 2);
    const process::Outcome killed = place.start(step.arguments, point + ":kill");
    // How often a drain comes by is the load's.
    if (point.find('#') == std::string::npos || killed.exit_code != 0) {
      REQUIRE(killed.signal == 9);
    }
    place.run(0, step.arguments);
    CHECK(structure_changes(undisturbed, place.world) == std::vector<std::string>{});
    step.end(writers);
    CHECK(left_behind(place.world) == 0);
  }
  return points;
}

}  // namespace crossover::test
