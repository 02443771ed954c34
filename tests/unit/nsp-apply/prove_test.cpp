#include "nsp-apply/prove.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "nsp-apply/facts.h"

using namespace crossover;  // the namespaces under test
using nlohmann::json;

TEST_CASE("a probing pod bears the labels and can neither get ready nor be adopted") {
  config::Probe probe;
  probe.from = "app=new,role=api";
  const json owner = {{"kind", "ConfigMap"}, {"name", "p"}, {"controller", true}};
  const json pod = nsp_apply::probe_pod(probe, "own:1", {"10.0.0.7", 5432}, "p-0", owner);
  CHECK(pod["metadata"]["labels"] ==
        json::parse(R"({"app": "new", "role": "api", "crossover.dev/part": "probe"})"));
  CHECK(pod["metadata"]["ownerReferences"] == json::array({owner}));
  CHECK(pod["spec"]["readinessGates"].size() == 1);
  CHECK(pod["spec"]["containers"][0]["image"] == "own:1");
  CHECK(pod["spec"]["containers"][0]["command"] ==
        json::parse(R"(["nsp-apply", "prove", "--connect", "10.0.0.7:5432", "--timeout", "5s"])"));
}

TEST_CASE("an image of its own gets the address as arguments of its shell") {
  config::Probe probe;
  probe.from = "a=b";
  probe.image = "postgres:17";
  const json pod = nsp_apply::probe_pod(probe, "own:1", {"$(id)", 1}, "p-0", json::object());
  CHECK(pod["spec"]["containers"][0]["image"] == "postgres:17");
  const json command = {"timeout", "5", "bash", "-c", "exec 3<>\"/dev/tcp/$0/$1\"", "$(id)", "1"};
  CHECK(pod["spec"]["containers"][0]["command"] == command);
}

TEST_CASE("a probe's outcome is told by its container's exit code") {
  const auto ended = [](int code) {
    return nsp_apply::outcome_of(
        {{"status",
          {{"phase", code == 0 ? "Succeeded" : "Failed"},
           {"containerStatuses",
            json::array({{{"state", {{"terminated", {{"exitCode", code}}}}}}})}}}});
  };
  CHECK(ended(0) == nsp_apply::Outcome::open);
  CHECK(ended(1) == nsp_apply::Outcome::refused);
  CHECK(ended(6) == nsp_apply::Outcome::no_answer);
  CHECK(ended(124) == nsp_apply::Outcome::no_answer);
  CHECK(ended(127) == nsp_apply::Outcome::failed);
}

TEST_CASE("a selector is a list of equalities") {
  CHECK(nsp_apply::parse_selector("a=b,c.d/e=f") == json::parse(R"({"a": "b", "c.d/e": "f"})"));
  CHECK(nsp_apply::parse_selector("a==b") == json::parse(R"({"a": "b"})"));
  CHECK(nsp_apply::parse_selector("a=") == json::parse(R"({"a": ""})"));
  for (const char* wrong : {"a", "a!=b", "=b", "a in (b)"}) {
    CHECK_THROWS_AS(nsp_apply::parse_selector(wrong), Error);
  }
}
