#include "cluster.h"

namespace crossover::kube::testing {

TEST_CASE("an apply creates, changes, and says when nothing has changed", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  const Applied first = client.apply(deployment("web", 0));
  CHECK(first.created);
  CHECK(first.changed);
  const Applied second = client.apply(deployment("web", 0));
  CHECK_FALSE(second.created);
  CHECK_FALSE(second.changed);
  const Applied third = client.apply(deployment("web", 1));
  CHECK_FALSE(third.created);
  CHECK(third.changed);
  CHECK(client.get("apps/v1", "Deployment", "web")["spec"]["replicas"] == 1);
}

TEST_CASE("a dry run changes nothing and tells what it would", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  ApplyOptions dry;
  dry.dry_run = true;
  CHECK(client.apply(config_map("a", {{"k", "1"}}), dry).created);
  CHECK_FALSE(client.find({"v1", "ConfigMap", {}, "a"}));
  client.apply(config_map("a", {{"k", "1"}}));
  CHECK_FALSE(client.apply(config_map("a", {{"k", "1"}}), dry).changed);
  CHECK(client.apply(config_map("a", {{"k", "2"}}), dry).changed);
  CHECK(client.get("v1", "ConfigMap", "a")["data"]["k"] == "1");
}

TEST_CASE("drift made by another is put back or reported, never missed", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  client.apply(config_map("a", {{"k", "1"}, {"l", "2"}}));
  SECTION("a value that another has changed is a conflict that names it") {
    nlohmann::json live = client.get("v1", "ConfigMap", "a");
    live["data"]["k"] = "changed";
    client.replace(live);
    const Error error = error_of([&] { client.apply(config_map("a", {{"k", "1"}, {"l", "2"}})); });
    CHECK(error.message() ==
          "unable to apply 'configmap/a': field '.data.k' is owned by 'crossover'");
    ApplyOptions force;
    force.force = true;
    CHECK(client.apply(config_map("a", {{"k", "1"}, {"l", "2"}}), force).changed);
    CHECK(client.get("v1", "ConfigMap", "a")["data"]["k"] == "1");
  }
  SECTION("a field that left the manifest goes") {
    CHECK(client.apply(config_map("a", {{"k", "1"}})).changed);
    CHECK_FALSE(client.get("v1", "ConfigMap", "a")["data"].contains("l"));
  }
  SECTION("a field that another removed comes back") {
    client.patch({"v1", "ConfigMap", {}, "a"}, {{"data", {{"l", nullptr}}}});
    CHECK(client.apply(config_map("a", {{"k", "1"}, {"l", "2"}})).changed);
    CHECK(client.get("v1", "ConfigMap", "a")["data"]["l"] == "2");
  }
}

TEST_CASE("a conflict names the field and its owner", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  ApplyOptions other;
  other.manager = "hpa-controller";
  client.apply(deployment("web", 3), other);
  const Error error = error_of([&] { client.apply(deployment("web", 0)); });
  CHECK(error.message() ==
        "unable to apply 'deployment/web': field '.spec.replicas' is owned by 'hpa-controller'");
  CHECK(error.kind() == ErrorKind::precondition);
  CHECK(error.http_status() == 409);
  CHECK_FALSE(error.hint().empty());
}

TEST_CASE("what client-side apply made is adopted, so that dropped fields go", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  nlohmann::json made = config_map("a", {{"k", "1"}, {"old", "x"}});
  made["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}";
  client.create(made);
  // What `oc apply` leaves: an Update entry of its own manager.
  nlohmann::json live = client.get("v1", "ConfigMap", "a");
  live["metadata"]["managedFields"][0]["manager"] = "kubectl-client-side-apply";
  client.replace(live);
  const Applied applied = client.apply(config_map("a", {{"k", "1"}}));
  CHECK(applied.changed);
  live = client.get("v1", "ConfigMap", "a");
  CHECK(live["data"] == nlohmann::json{{"k", "1"}});
  CHECK(annotation(live, "kubectl.kubernetes.io/last-applied-configuration").empty());
  CHECK_FALSE(client.apply(config_map("a", {{"k", "1"}})).changed);
}

TEST_CASE("immutable, unknown and missing things are named", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  SECTION("an immutable field of a StatefulSet") {
    nlohmann::json set = deployment("db", 0);
    set["kind"] = "StatefulSet";
    set["spec"]["serviceName"] = "db";
    client.apply(set);
    CHECK_FALSE(client.apply(set).changed);
    set["spec"]["serviceName"] = "other";
    CHECK(error_of([&] { client.apply(set); }).message() ==
          "unable to apply 'statefulset/db': field 'spec.serviceName' is immutable");
  }
  SECTION("an immutable selector") {
    client.apply(deployment("web", 0));
    nlohmann::json changed = deployment("web", 0);
    changed["spec"]["selector"]["matchLabels"]["x"] = "y";
    changed["spec"]["template"]["metadata"]["labels"]["x"] = "y";
    CHECK(error_of([&] { client.apply(changed); }).message() ==
          "unable to apply 'deployment/web': field 'spec.selector' is immutable");
  }
  SECTION("an unknown field") {
    nlohmann::json odd = config_map("a", {{"k", "1"}});
    odd["dada"] = 1;
    CHECK(error_of([&] { client.apply(odd); }).message().find("dada") != std::string::npos);
  }
  SECTION("a missing kind, before anything is changed") {
    const std::vector<nlohmann::json> objects = {
        config_map("a", {{"k", "1"}}),
        {{"apiVersion", "security.devops.gov.bc.ca/v1alpha1"},
         {"kind", "NetworkSecurityPolicy"},
         {"metadata", {{"name", "x"}}}}};
    const Error error = error_of([&] { client.apply_all(objects, {}); });
    CHECK(error.message() ==
          "unable to find kind 'NetworkSecurityPolicy' of 'security.devops.gov.bc.ca/v1alpha1': "
          "the server does not serve it");
    CHECK_FALSE(error.hint().empty());
    CHECK_FALSE(client.find({"v1", "ConfigMap", {}, "a"}));
  }
  SECTION("a missing object") {
    CHECK(error_of([&] { client.get("v1", "Secret", "none"); }).message() ==
          fmt::format("unable to read 'secret/none' in namespace '{}': it does not exist",
                      cluster.ns()));
  }
}

TEST_CASE("many objects go over one connection, and unchanged ones cost a list", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  std::vector<nlohmann::json> objects;
  for (int index = 0; index < 120; ++index) {
    objects.push_back(config_map(fmt::format("c{}", index), {{"k", std::to_string(index)}}));
  }
  const std::vector<Applied> first = client.apply_all(objects, {});
  CHECK(std::all_of(first.begin(), first.end(), [](const Applied& each) { return each.created; }));
  const std::vector<Applied> second = client.apply_all(objects, {});
  CHECK(
      std::none_of(second.begin(), second.end(), [](const Applied& each) { return each.changed; }));
  client.patch({"v1", "ConfigMap", {}, "c7"}, {{"data", {{"k", nullptr}}}});
  const std::vector<Applied> third = client.apply_all(objects, {});
  for (std::size_t index = 0; index < third.size(); ++index) {
    CHECK(third[index].changed == (index == 7));
  }
  ListOptions pages;
  pages.page = 50;
  CHECK(client.list("v1", "ConfigMap", pages).items.size() >= 120);
}

TEST_CASE("a new kind and its first object come in one apply", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  const std::string group = cluster.ns() + ".example.org";
  const nlohmann::json schema = {{"type", "object"},
                                 {"x-kubernetes-preserve-unknown-fields", true}};
  const std::vector<nlohmann::json> objects = {
      {{"apiVersion", group + "/v1"},
       {"kind", "Widget"},
       {"metadata", {{"name", "w"}, {"labels", {{"app", "gone"}}}}},
       {"spec", {{"size", 3}}}},
      {{"apiVersion", "apiextensions.k8s.io/v1"},
       {"kind", "CustomResourceDefinition"},
       {"metadata", {{"name", "widgets." + group}}},
       {"spec",
        {{"group", group},
         {"scope", "Namespaced"},
         {"names", {{"kind", "Widget"}, {"plural", "widgets"}, {"singular", "widget"}}},
         {"versions",
          {{{"name", "v1"},
            {"served", true},
            {"storage", true},
            {"schema", {{"openAPIV3Schema", schema}}}}}}}}}};
  const std::vector<Applied> applied = client.apply_all(objects, {});
  CHECK(applied[0].created);
  CHECK(applied[1].created);
  CHECK_FALSE(client.apply_all(objects, {})[0].changed);
  client.remove({"apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, "widgets." + group});
}

}  // namespace crossover::kube::testing
