#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "integration/data-sync/structure.h"

namespace crossover::test {

/// Of a run with CROSSOVER_STOP_AT=*:note: where to kill another, each as `NAME` or `NAME#NTH`, in
/// the order of the run. Each point that it has passed is among them; of one that it passes again
/// and again, the passage in the middle.
inline std::vector<std::string> boundaries(const process::Outcome& noted) {
  static constexpr std::string_view mark = "stop point ";
  std::vector<std::string> names;
  std::map<std::string, int> passed;
  for (std::size_t at = noted.err.find(mark); at != std::string::npos;
       at = noted.err.find(mark, at)) {
    at += mark.size();
    const std::string name = noted.err.substr(at, noted.err.find('\n', at) - at);
    if (++passed[name] == 1) {
      names.push_back(name);
    }
  }
  std::vector<std::string> points;
  for (const std::string& name : names) {
    const int times = passed[name];
    if (times <= 2) {
      points.push_back(name);
    }
    if (times >= 2) {
      points.push_back(fmt::format("{}#{}", name, times / 2 + 1));
    }
  }
  return points;
}

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
