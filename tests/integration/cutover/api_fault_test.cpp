// The way to the API server fails during a switch or a rollback of the whole service.
#include "integration/cutover/driver.h"
#include "integration/cutover/stopped_program.h"
#include "integration/cutover/two_routes.h"
#include "integration/cutover/whole_site.h"
#include "integration/kube/far_api.h"

namespace crossover::test {
namespace {

using kube::testing::FarApi;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds in_budget{2000};

struct FarSite : WholeSite, FarApi {
  Side live = Side::old_side;

  std::string verb() const { return verb_to(sync::other(live)); }
  /// Whether the service is wholly where the last step was to bring it.
  void has_moved() {
    live = sync::other(live);
    Side found = sync::other(live);
    CHECK(serving(site.service(), found));
    CHECK(found == live);
    CHECK(leads_to() == (live == Side::new_side ? "registry-api-flyway" : "registry-api"));
  }
  /// Waits until the service is wholly on the other side; false after 10 s.
  bool arrives() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    Side found = live;
    while (!serving(site.service(), found) || found == live) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
    }
    return true;
  }
  Side side_of_service() {
    Side found = live;
    REQUIRE(serving(site.service(), found));
    return found;
  }
  std::string error_text(const json& result) {
    std::string text;
    for (const json& outer : result["error"].value("context", json::array())) {
      text += outer.get<std::string>() + ": ";
    }
    return text + message(result) + "\nHINT: " + result["error"].value("hint", "");
  }
  std::string refused() const {
    return fmt::format("unable to reach 'https://127.0.0.1:{}': ", secure.port());
  }
};

struct Trial {
  std::string point;
  std::string name;
  std::function<void()> fault;
};

TEST_CASE_METHOD(FarSite, "the API server is lost in the pause, which is as short as ever",
                 "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  Writers writers(site.service(), 6, milliseconds(20));
  REQUIRE(writers.wait_for(20, std::chrono::seconds(60)));
  const auto lose = [&] {
    secure.refuse();
    secure.cut();
  };
  const std::vector<Trial> trials = {{"switch-paused", "swallowed", [&] { secure.swallow(); }},
                                     {"switch-committed", "swallowed", [&] { secure.swallow(); }},
                                     {"switch-source-locked", "stalled", [&] { secure.stall(); }},
                                     {"switch-retargeted", "stalled", [&] { secure.stall(); }},
                                     {"switch-drained", "refused", lose},
                                     {"switch-closed", "refused", lose},
                                     {"switch-cleared", "refused", lose}};
  for (const Trial& trial : trials) {
    INFO(trial.name << " at " << trial.point << ": " << verb());
    StoppedProgram program(site.route_switch({verb()}, trial.point + ":stop"));
    program.break_at_stop([&] {
      writers.take_slowest();
      trial.fault();
    });
    CHECK(arrives());  // while the API server is not there
    REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
    CHECK(writers.take_slowest() < in_budget);
    secure.resume();
    secure.allow();
    program.result(0);
    has_moved();
  }
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(site.service(), live) == std::vector<std::string>{});
}

TEST_CASE_METHOD(FarSite, "a step ends though a request to the API server or its answer is lost",
                 "[cluster]") {
  site.kubeconfig = plain_kubeconfig();
  const std::string ns = "/namespaces/" + cluster.ns();
  const std::string route = "/apis/route.openshift.io/v1" + ns + "/routes/web";
  const std::string lease = "PUT /apis/coordination.k8s.io/v1" + ns + "/leases/";
  const std::string evidence = "PUT /api/v1" + ns + "/configmaps/";
  site.run(0, {"switch"});  // makes Lease and evidence
  live = Side::new_side;
  for (const std::string& request : {"GET " + route, "PATCH " + route, lease, evidence}) {
    for (const auto delivery : {TcpProxy::Delivery::withheld, TcpProxy::Delivery::answered}) {
      INFO(verb() << ": " << request
                  << (delivery == TcpProxy::Delivery::answered ? ", answered" : ", withheld"));
      const std::size_t entries = outcomes().size();
      plain.cut_at(request, delivery);
      const json result = site.run(0, {verb()});
      CHECK(plain.wait_for_cut(milliseconds(0)));
      const auto objects = changed(result);
      CHECK(std::ranges::count(objects, "route/web") == 1);
      has_moved();
      CHECK(outcomes().size() == entries + 1);
    }
  }
}

TEST_CASE_METHOD(FarSite, "a step goes on over a slow way to the API server", "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  secure.set_delay(milliseconds(150));
  for (int i = 0; i < 2; ++i) {
    site.run(0, {verb()});
    has_moved();
  }
}

TEST_CASE_METHOD(FarSite, "without an API server nothing begins", "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  secure.refuse();
  const json result = site.run(1, {"switch"});
  CHECK(changed(result).empty());
  CHECK(message(result).starts_with(refused()));
  CHECK_THAT(error_text(result),
             Catch::EndsWith("nothing has been changed: run this step again when the API server "
                             "answers"));
  CHECK(leads_to() == "registry-api");
  CHECK(side_of_service() == Side::old_side);
}

TEST_CASE_METHOD(FarSite, "the API server is lost behind the route: the switch ends all the same",
                 "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  StoppedProgram program(site.route_switch({"switch"}, "route-led:stop"));
  program.break_at_stop([&] {
    secure.refuse();
    secure.cut();
  });
  const json result = program.result(0);
  CHECK(changed(result) == std::vector<std::string>{"route/web", "service"});
  CHECK_THAT(program.err(), Catch::Contains("the evidence log is incomplete: "));
  has_moved();
  secure.allow();
  CHECK(site.run(0, {"switch"})["changed"] == false);
}

TEST_CASE_METHOD(FarSite, "the API server is lost in a rollback, which says where the service is",
                 "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  site.run(0, {"switch"});
  StoppedProgram program(site.route_switch({"rollback"}, "switch-resumed:stop"));
  program.break_at_stop([&] {
    secure.refuse();
    secure.cut();
  });
  const json result = program.result(1);
  CHECK(changed(result) == std::vector<std::string>{"service"});
  CHECK(message(result).starts_with(refused()));
  CHECK_THAT(error_text(result),
             Catch::EndsWith("the service is safe: it runs on the old database, and requests that "
                             "are still led to the new API reach it there; run `route-switch "
                             "rollback` again when the API server answers, to lead them back"));
  CHECK(side_of_service() == Side::old_side);
  CHECK(leads_to() == "registry-api-flyway");
  secure.allow();
  CHECK(changed(site.run(0, {"rollback"})) == std::vector<std::string>{"route/web"});
  CHECK(leads_to() == "registry-api");
}

TEST_CASE_METHOD(FarSite, "without an API server the database alone can be moved back",
                 "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  site.run(0, {"switch"});
  secure.refuse();
  const process::Outcome outcome = site.start({"rollback", "--database-only"});
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.err, Catch::Contains("going on without the Lease: " + refused()));
  CHECK(side_of_service() == Side::old_side);
  secure.allow();
  CHECK(changed(site.run(0, {"rollback"})) == std::vector<std::string>{"route/web"});
}

struct FarTwoRoutes : TwoRoutesSite, FarApi {};

TEST_CASE_METHOD(FarTwoRoutes, "the API server is lost between two routes, which the error says",
                 "[cluster]") {
  site.kubeconfig = secure_kubeconfig();
  StoppedProgram program(site.route_switch({"switch"}, "route-led:stop"));
  const auto start = std::chrono::steady_clock::now();
  program.break_at_stop([&] {
    secure.refuse();
    secure.cut();
  });
  const json result = program.result(1);
  // Tried again for its budget once, not for each thing that would have to be put back.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
  CHECK(result["error"]["hint"].get<std::string>().starts_with(
      "not led back, look at `route-switch status` and run `route-switch rollback`: "
      "'httproute/admin', 'route/web'; one database is still written, so nothing is lost: run this "
      "step again when the cause is mended"));
  CHECK(lead_to() == "registry-api-flyway admin-api");
  secure.allow();
  site.kubeconfig.clear();
  CHECK(site.live() == "old");
  site.run(0, {"switch"});
  CHECK(lead_to() == both_new);
}

}  // namespace
}  // namespace crossover::test
