// `route` and `routes`: one list, however it is written.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "unit/config/config_file.h"

using namespace crossover;
using test::ConfigFile;

namespace {

constexpr const char* web = "{name: web, oldService: api, newService: api-new}";

/// A file with `routes`, the second of which begins in its fourth line.
std::string routes(const std::string& second) {
  return std::string("name: a\nroutes:\n  - ") + web + "\n  - " + second + "\n";
}

std::string refusal(const std::string& second) { return ConfigFile(routes(second)).refusal(); }

}  // namespace

TEST_CASE("route is a list of one, routes are in the order of the file") {
  const auto single = ConfigFile(std::string("name: a\nroute: ") + web).load();
  REQUIRE(single.routes.size() == 1);
  CHECK(single.routes.front().new_service == "api-new");
  CHECK(single.routes.front().key == "route");

  const auto several =
      ConfigFile(routes("{kind: HTTPRoute, name: admin, oldService: admin, newService: admin-new}"))
          .load();
  CHECK(several.route_names() == std::vector<std::string>{"web", "admin"});
  CHECK(several.routes.at(1).kind == config::RouteKind::http_route);
  CHECK(several.routes.at(1).key == "routes[1]");
  CHECK(ConfigFile("name: a\n").load().routes.empty());
}

TEST_CASE("each is shown as it was written, and read back as the same") {
  const ConfigFile single(std::string("name: a\nroute: ") + web);
  const auto shown = config::to_json(single.load());
  CHECK(shown["route"]["newService"] == "api-new");
  CHECK_FALSE(shown.contains("routes"));

  const ConfigFile several(routes("{name: admin, oldService: admin, newService: admin-new}"));
  const auto both = config::to_json(several.load());
  CHECK_FALSE(both.contains("route"));
  REQUIRE(both["routes"].size() == 2);
  CHECK(both["routes"][1]["name"] == "admin");
  CHECK(config::to_json(ConfigFile(both.dump()).load()).dump() == both.dump());

  const ConfigFile list_of_one(std::string("name: a\nroutes: [") + web + "]");
  CHECK(config::to_json(list_of_one.load())["routes"][0]["name"] == "web");
}

TEST_CASE("route and routes at once are refused") {
  CHECK(ConfigFile(std::string("name: a\nroute: ") + web +
                   "\nroutes:\n  - {name: admin, oldService: admin, newService: admin-new}\n")
            .refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:4: 'route' and 'routes' are both set\n"
        "HINT: make what 'route' says an entry of 'routes'");
}

TEST_CASE("an entry of routes is refused with its line and what it has in common with another") {
  CHECK(refusal("{kind: HTTPRoute, name: web, oldService: admin, newService: admin-new}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'routes[1]': 'routes[0]' has the "
        "name 'web' too\nHINT: make one entry of each Route");
  CHECK(refusal("{name: admin, oldService: admin, newService: api}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'routes[1]': service 'api' is the "
        "old one of 'routes[0]'\nHINT: an API is either the old one or the new one");
  CHECK(refusal("{name: admin, oldService: api-new, newService: admin-new}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'routes[1]': service 'api-new' is "
        "the new one of 'routes[0]'\nHINT: an API is either the old one or the new one");
  CHECK(refusal("{name: admin, oldService: admin, newService: admin}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'routes[1]': 'oldService' and "
        "'newService' must differ");
  CHECK(refusal("{oldService: admin, newService: admin-new}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: 'routes[1].name' is missing");
  CHECK(refusal("{name: admin, oldService: admin, newService: admin-new, healht: x}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: unknown key 'healht' in 'routes[1]'\n"
        "HINT: did you mean 'health'?");
  CHECK(refusal("{name: admin, oldService: admin, newService: admin-new, health: alive}") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'routes[1]': 'health' names no "
        "entry of 'verify.endpoints'");
}

TEST_CASE("two Routes to one pair of Services are fine, but callers are moved one way only") {
  CHECK(refusal("{name: public, oldService: api, newService: api-new}") == "accepted");
  const auto two = [](const std::string& service) {
    return ConfigFile(
               "name: a\nroutes:\n"
               "  - {name: web, oldService: api, newService: api-new, moveCallers: true}\n"
               "  - {name: public, oldService: api, newService: " +
               service + ", moveCallers: true}\n")
        .refusal();
  };
  CHECK(two("api-new") == "accepted");
  CHECK(two("api-public") ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'routes[1]': 'routes[0]' moves the "
        "callers of service 'api' to another one\nHINT: set 'moveCallers' in one of the two");
}

TEST_CASE("the reference has one table for both") {
  const std::string page = config::reference();
  CHECK_THAT(page, Catch::Contains("| `route` | [Route](#route) |"));
  CHECK_THAT(page, Catch::Contains("| `routes` | list of [Route](#route) |"));
  CHECK_THAT(page, Catch::Contains("| `marker.header` | text |"));
  CHECK(page.find("## Route\n") == page.rfind("## Route\n"));
}
