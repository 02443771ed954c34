#include <thread>

#include "base/retry.h"
#include "cluster.h"
#include "kube/cleanup.h"
#include "kube/evidence.h"
#include "kube/lease.h"
#include "kube/object.h"
#include "kube/wait_ready.h"

namespace crossover::kube::testing {

TEST_CASE("a Lease keeps a second run out, and is free afterwards", "[kube]") {
  TestCluster cluster;
  const SystemClock clock;
  const auto options = [](const std::string& holder) {
    LeaseOptions lease;
    lease.migration = "registry";
    lease.holder = holder;
    lease.duration = std::chrono::seconds(3);
    return lease;
  };
  {
    const Lease first(cluster.client(), options("one"), clock, cluster.log());
    CHECK(first.held());
    const std::unique_ptr<Client> other = cluster.another();
    const Error error =
        error_of([&] { const Lease second(*other, options("two"), clock, cluster.log()); });
    CHECK(error.kind() == ErrorKind::locked);
    const std::string since = read_lease(*other, {}, "registry", clock)->since;
    CHECK(error.message() == "unable to lock migration 'registry': held by 'one' since " + since);
    LeaseOptions sure = options("three");
    sure.take_over_if = [](const std::string& holder) { return holder == "one"; };
    const Lease third(*other, sure, clock, cluster.log());
    CHECK(third.held());
    const StopRequest stop;
    CHECK(poll(clock, stop, std::chrono::seconds(10), std::chrono::milliseconds(50),
               [&] { return !first.held(); }));
    CHECK_THROWS_AS(first.throw_if_lost(), Error);
  }
  CHECK(read_lease(cluster.client(), {}, "registry", clock)->holder.empty());
  const Lease again(cluster.client(), options("four"), clock, cluster.log());
  CHECK(again.held());
}

TEST_CASE("a Lease whose holder has died is taken over when it has run out", "[kube]") {
  TestCluster cluster;
  const SystemClock clock;
  const std::string now = rfc3339(clock.wall());
  cluster.client().create({{"apiVersion", "coordination.k8s.io/v1"},
                           {"kind", "Lease"},
                           {"metadata", {{"name", "crossover-registry"}}},
                           {"spec",
                            {{"holderIdentity", "dead"},
                             {"leaseDurationSeconds", 2},
                             {"acquireTime", now.substr(0, now.size() - 1) + "000Z"},
                             {"renewTime", now.substr(0, now.size() - 1) + "000Z"}}}});
  LeaseOptions options;
  options.migration = "registry";
  options.holder = "living";
  const Lease lease(cluster.client(), options, clock, cluster.log());
  CHECK(lease.held());
  CHECK(read_lease(cluster.client(), {}, "registry", clock)->holder == "living");
}

TEST_CASE("evidence keeps the last 200 entries, and two writers lose none", "[kube]") {
  TestCluster cluster;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&cluster, writer] {
      const std::unique_ptr<Client> client = cluster.another();
      EvidenceLog log(*client, {}, "registry");
      for (int index = 0; index < 10; ++index) {
        log.append({{"step", fmt::format("{}-{}", writer, index)}});
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EvidenceLog log(cluster.client(), {}, "registry");
  CHECK(log.read().size() == 20);
  log.append({{"step", "long"}, {"detail", std::string(5000, 'x')}});
  CHECK(log.read().back().dump().size() <= EvidenceLog::entry_limit);
  CHECK(log.read().back()["step"] == "long");
}

TEST_CASE("a watch tells of changes and a wait ends in time", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  const StopRequest stop;
  client.apply(config_map("a", {{"k", "1"}}));
  std::thread writer([&cluster] {
    const std::unique_ptr<Client> other = cluster.another();
    for (int value = 2; value <= 5; ++value) {
      other->apply(config_map("a", {{"k", std::to_string(value)}}));
    }
  });
  const Ref ref{"v1", "ConfigMap", {}, "a"};
  const nlohmann::json seen = wait_until(
      client, ref, "at 5", [](const auto& map) { return text_at(map, "/data/k") == "5"; },
      std::chrono::seconds(20), stop);
  writer.join();
  CHECK(seen["data"]["k"] == "5");
  CHECK(error_of([&] {
          wait_until(
              client, ref, "at 9", [](const auto& map) { return text_at(map, "/data/k") == "9"; },
              std::chrono::seconds(1), stop);
        }).message() == "unable to wait for 'configmap/a': not at 9 within 1 s");
}

TEST_CASE("delete by label finds every kind, leaves owned ones to their owner", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  const SystemClock clock;
  const StopRequest stop;
  nlohmann::json map = config_map("a", {{"k", "1"}});
  map["metadata"]["labels"] = {{"app", "web"}};
  nlohmann::json account = {{"apiVersion", "v1"},
                            {"kind", "ServiceAccount"},
                            {"metadata", {{"name", "sa"}, {"labels", {{"app", "web"}}}}}};
  client.apply_all(std::vector<nlohmann::json>{deployment("web", 1), map, account}, {});
  client.apply(config_map("kept", {{"k", "1"}}));
  wait_until(
      client, {"apps/v1", "Deployment", {}, "web"}, "observed",
      [](const auto& object) { return integer_at(object, "/status/observedGeneration") > 0; },
      std::chrono::seconds(20), stop);
  const std::vector<nlohmann::json> found =
      select_all_by_label(client, "app=web", {}, cluster.log());
  std::vector<std::string> names;
  for (const nlohmann::json& object : found) {
    names.push_back(ref_of(object).text());
  }
  CHECK(names == std::vector<std::string>{"deployment/web", "configmap/a", "serviceaccount/sa"});
  CHECK(delete_all(client, found, std::chrono::seconds(30), clock, cluster.log(), stop).size() ==
        3);
  CHECK(select_all_by_label(client, "app=web", {}, cluster.log()).empty());
  CHECK(client.find({"v1", "ConfigMap", {}, "kept"}));
  CHECK_FALSE(client.remove({"v1", "ConfigMap", {}, "a"}));
}

TEST_CASE("what pods use is kept until they have ended", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  const SystemClock clock;
  const StopRequest stop;
  nlohmann::json web = deployment("web", 1);
  // In place of a program that takes its time: nothing runs here.
  web["spec"]["template"]["metadata"]["finalizers"] = {"crossover.test/ends-slowly"};
  nlohmann::json database = deployment("database", 0);
  database["kind"] = "StatefulSet";
  database["spec"]["serviceName"] = "database";
  client.apply_all(std::vector<nlohmann::json>{web, database, config_map("used", {{"k", "1"}})},
                   {});
  const std::string selector = selector_text(at(web, "/spec/selector/matchLabels"));
  std::vector<nlohmann::json> pods;
  REQUIRE(poll(clock, stop, std::chrono::seconds(20), std::chrono::milliseconds(100), [&] {
    pods = client.list("v1", "Pod", selector, {}).items;
    return pods.size() == 1;
  }));
  const std::vector<nlohmann::json> going = {
      *client.find({"v1", "ConfigMap", {}, "used"}),
      *client.find({"apps/v1", "StatefulSet", {}, "database"}),
      *client.find({"apps/v1", "Deployment", {}, "web"}),
  };
  CHECK(error_of([&] {
          delete_all(client, going, std::chrono::seconds(2), clock, cluster.log(), stop);
        }).message() == "unable to delete 'deployment/web': it is still there after 2 s");
  CHECK(client.find({"v1", "ConfigMap", {}, "used"}));
  const auto database_then = client.find({"apps/v1", "StatefulSet", {}, "database"});
  REQUIRE(database_then);
  CHECK(text_at(*database_then, "/metadata/deletionTimestamp").empty());
  client.patch(ref_of(pods.front()), {{"metadata", {{"finalizers", nullptr}}}});
  delete_all(client, going, std::chrono::seconds(30), clock, cluster.log(), stop);
  CHECK_FALSE(client.find({"v1", "ConfigMap", {}, "used"}));
  CHECK_FALSE(client.find({"apps/v1", "StatefulSet", {}, "database"}));
  CHECK(client.list("v1", "Pod", selector, {}).items.empty());
}

TEST_CASE("a workload that a quota keeps down is told at once with the quota's words", "[kube]") {
  TestCluster cluster;
  Client& client = cluster.client();
  const SystemClock clock;
  const StopRequest stop;
  client.apply({{"apiVersion", "v1"},
                {"kind", "ResourceQuota"},
                {"metadata", {{"name", "none"}}},
                {"spec", {{"hard", {{"pods", "0"}}}}}});
  wait_until(
      client, {"v1", "ResourceQuota", {}, "none"}, "in force",
      [](const auto& quota) { return !at(quota, "/status/hard").empty(); },
      // The quota controller stops for 30 s when it has just found a custom resource definition
      // that is gone again, as those of other tests are.
      std::chrono::seconds(90), stop);
  const std::vector<nlohmann::json> objects = {deployment("web", 1)};
  client.apply_all(objects, {});
  const Error error = error_of(
      [&] { wait_ready(client, objects, std::chrono::seconds(60), clock, cluster.log(), stop); });
  CHECK(
      error.message().starts_with("unable to bring up 'deployment/web': deployment/web: "
                                  "FailedCreate: pods \"web-"));
  CHECK(error.message().find("exceeded quota: none") != std::string::npos);
}

}  // namespace crossover::kube::testing
