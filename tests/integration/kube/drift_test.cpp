#include "cluster.h"

// What of an object others may change behind our back, and what an apply makes of it. Unchanged
// objects are known without asking the server again, so each kind of change must be told from them.

namespace crossover::kube::testing {

namespace {

using nlohmann::json;

json network_policy() {
  return json::parse(R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",
    "metadata":{"name":"rule","labels":{"app":"shop"}},
    "spec":{"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"],
      "ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"api"}}}],
                  "ports":[{"port":5432,"protocol":"TCP"}]}]}})");
}

json service() {
  return json::parse(R"({"apiVersion":"v1","kind":"Service",
    "metadata":{"name":"db","labels":{"app":"shop"}},
    "spec":{"selector":{"app":"db"},
      "ports":[{"name":"a","port":1,"targetPort":11,"protocol":"TCP"},
               {"name":"b","port":2,"targetPort":12,"protocol":"TCP"}]}})");
}

struct Site {
  explicit Site(json object) : wanted(std::move(object)) {
    client.apply(wanted);
    REQUIRE_FALSE(client.apply(wanted).changed);
  }
  json live() { return client.get(ref_of(wanted)); }
  /// As somebody else with `kubectl edit` or `kubectl patch`: the manager is another one.
  void edit(const json& operations) {
    // The field manager of a patch is ours, so the change is renamed to be another's.
    client.patch(ref_of(wanted), PatchType::json, operations, {});
    json object = live();
    for (json& entry : object["metadata"]["managedFields"]) {
      if (entry["operation"] == "Update") {
        entry["manager"] = "eve";
      }
    }
    client.replace(object);
  }
  std::string conflict() {
    return error_of([&] { client.apply(wanted); }).message();
  }
  /// An apply puts back what is wanted, and then there is nothing left to do.
  void check_put_back(bool force = false) {
    ApplyOptions options;
    options.force = force;
    CHECK(client.apply(wanted, options).changed);
    CHECK(live()["spec"] == before["spec"]);
    CHECK(live()["metadata"]["labels"] == before["metadata"]["labels"]);
    CHECK_FALSE(client.apply(wanted, options).changed);
  }

  TestCluster cluster;
  Client& client = cluster.client();
  json wanted;
  json before = json();
};

}  // namespace

TEST_CASE("a change by hand to what others may own with us is put back or named", "[kube]") {
  Site site(service());
  site.before = site.live();
  SECTION("a value") {
    site.edit({{{"op", "replace"}, {"path", "/spec/ports/0/targetPort"}, {"value", 99}}});
    CHECK(site.conflict() ==
          "unable to apply 'service/db': field '.spec.ports[port=1,protocol=\"TCP\"].targetPort' "
          "is owned by 'eve'");
    site.check_put_back(true);
  }
  SECTION("a label gone") {
    site.edit({{{"op", "remove"}, {"path", "/metadata/labels/app"}}});
    site.check_put_back();
  }
  SECTION("an entry of a list gone") {
    site.edit({{{"op", "remove"}, {"path", "/spec/ports/1"}}});
    site.check_put_back();
  }
  SECTION("a selector that leads elsewhere") {
    site.edit({{{"op", "add"}, {"path", "/spec/selector/x"}, {"value", "y"}}});
    CHECK(site.conflict() ==
          "unable to apply 'service/db': field '.spec.selector' is owned by 'eve'");
    site.check_put_back(true);
  }
  SECTION("all of it gone") {
    site.client.remove(ref_of(site.wanted));
    CHECK(site.client.apply(site.wanted).created);
  }
  SECTION("our ownership wiped out") {
    site.client.patch(ref_of(site.wanted), {{"metadata", {{"managedFields", {json::object()}}}}});
    CHECK(site.client.apply(site.wanted).changed);
    CHECK_FALSE(site.client.apply(site.wanted).changed);
  }
}

TEST_CASE("a change by hand to a list that is one value is named as its owner's", "[kube]") {
  Site site(network_policy());
  site.before = site.live();
  const json peer = {{"podSelector", json::object()}};
  SECTION("an entry more") {
    site.edit({{{"op", "add"}, {"path", "/spec/ingress/0/from/-"}, {"value", peer}}});
  }
  SECTION("an entry less") { site.edit({{{"op", "remove"}, {"path", "/spec/ingress/0/ports/0"}}}); }
  SECTION("a rule more") {
    site.edit({{{"op", "add"}, {"path", "/spec/ingress/-"}, {"value", json::object()}}});
  }
  CHECK(site.conflict() ==
        "unable to apply 'networkpolicy/rule': field '.spec.ingress' is owned by 'eve'");
  site.check_put_back(true);
}

TEST_CASE("what others add beside ours stays theirs, and is no change of ours", "[kube]") {
  Site site(service());
  SECTION("a list's entry of their own") {
    site.edit({{{"op", "add"},
                {"path", "/spec/ports/-"},
                {"value", {{"name", "c"}, {"port", 3}, {"protocol", "TCP"}}}}});
    CHECK_FALSE(site.client.apply(site.wanted).changed);
    CHECK(site.live()["spec"]["ports"].size() == 3);
  }
  SECTION("the same value applied by another, who keeps it when we let it go") {
    ApplyOptions other;
    other.manager = "eve";
    site.client.apply({{"apiVersion", "v1"},
                       {"kind", "Service"},
                       {"metadata", {{"name", "db"}, {"labels", {{"app", "shop"}}}}}},
                      other);
    CHECK_FALSE(site.client.apply(site.wanted).changed);
    site.wanted["metadata"].erase("labels");
    CHECK(site.client.apply(site.wanted).changed);
    CHECK(label(site.live(), "app") == "shop");
    CHECK_FALSE(site.client.apply(site.wanted).changed);
  }
}

TEST_CASE("what left the manifest goes, and what is new in it comes", "[kube]") {
  Site site(service());
  SECTION("an entry of a list less") { site.wanted["spec"]["ports"].erase(1); }
  SECTION("an entry of a list more") {
    site.wanted["spec"]["ports"].push_back(
        {{"name", "c"}, {"port", 3}, {"targetPort", 13}, {"protocol", "TCP"}});
  }
  SECTION("a field that has had this value by default") {
    site.wanted["spec"]["type"] = "ClusterIP";
  }
  SECTION("a value") { site.wanted["spec"]["ports"][0]["targetPort"] = 99; }
  CHECK(site.client.apply(site.wanted).changed);
  CHECK(site.live()["spec"]["ports"] == site.wanted["spec"]["ports"]);
  CHECK_FALSE(site.client.apply(site.wanted).changed);
}

}  // namespace crossover::kube::testing
