// The way to the API server is cut, loses an answer, or has gone dead without a word.
#include <thread>

#include "cluster.h"
#include "far_api.h"
#include "kube/conditional_patch.h"
#include "kube/evidence.h"
#include "kube/lease.h"
#include "kube/object.h"

namespace crossover::kube::testing {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using test::TcpProxy;

struct FarCluster : TestCluster, FarApi {
  /// Clients over the network that tells nothing of what it carries, and over the other.
  std::unique_ptr<Client> far = secure_client(ns());
  std::unique_ptr<Client> heard = plain_client(ns());
  const SystemClock clock{};

  LeaseOptions lease_of(const std::string& holder) const {
    LeaseOptions options;
    options.migration = "registry";
    options.holder = holder;
    return options;
  }
  json map() { return client().get("v1", "ConfigMap", "a"); }
  /// Loses one request that begins like this, or the answer to it.
  void lose(const std::string& request, TcpProxy::Delivery delivery) {
    plain.cut_at(request + ns(), delivery);
  }
};

const std::vector<TcpProxy::Delivery> deliveries = {TcpProxy::Delivery::withheld,
                                                    TcpProxy::Delivery::answered};
const Ref map_ref{"v1", "ConfigMap", {}, "a"};

}  // namespace

TEST_CASE_METHOD(FarCluster, "a read over a connection that was cut or has gone dead is made anew",
                 "[kube]") {
  client().create(config_map("a", {{"k", "1"}}));
  CHECK(far->get(map_ref)["data"]["k"] == "1");
  secure.cut();
  CHECK(far->get(map_ref)["data"]["k"] == "1");
  secure.swallow();
  const auto start = clock.now();
  CHECK(far->get(map_ref)["data"]["k"] == "1");
  CHECK(clock.now() - start < seconds(10));
}

TEST_CASE_METHOD(FarCluster, "a watch whose connection was cut or has gone dead goes on",
                 "[kube]") {
  client().create(config_map("a", {{"k", "0"}}));
  const auto next = [&](const json& map) {
    const int value = std::stoi(text_at(map, "/data/k"));
    client().patch(map_ref, {{"data", {{"k", std::to_string(value + 1)}}}});
    return value;
  };
  const StopRequest stop;
  int seen = 0;
  CHECK(far->watch("v1", "ConfigMap", {}, seconds(25), stop, [&](const WatchEvent& event) {
    if (event.object.is_null() || text_at(event.object, "/metadata/name") != "a") {
      return true;
    }
    if (text_at(event.object, "/data/k") == "1") {
      secure.cut();
    } else if (text_at(event.object, "/data/k") == "2") {
      secure.swallow();
    }
    seen = next(event.object);
    return seen < 3;
  }));
  CHECK(seen == 3);
}

TEST_CASE_METHOD(FarCluster, "a Lease is kept over a connection that has gone dead", "[kube]") {
  const Lease lease(*far, lease_of("one"), clock, log());
  const auto renewed = [&] { return read_lease(client(), {}, "registry", clock)->renewed; };
  const std::string taken = renewed();
  const Deadline first(clock, seconds(10));
  while (renewed() == taken && !first.passed()) {
  }
  secure.swallow();
  const std::string before = renewed();
  bool held = true;
  const Deadline deadline(clock, seconds(20));
  while (renewed() == before && !deadline.passed()) {
    held = held && lease.held();
  }
  CHECK(renewed() != before);
  CHECK(held);
  CHECK(lease.held());
}

TEST_CASE_METHOD(FarCluster, "a Lease is taken and freed though a request or its answer is lost",
                 "[kube]") {
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/";
  for (const std::string method : {"POST ", "PUT "}) {
    for (const auto delivery : deliveries) {
      INFO(method << (delivery == TcpProxy::Delivery::answered ? "answered" : "withheld"));
      if (method == "POST ") {
        client().remove({"coordination.k8s.io/v1", "Lease", {}, "crossover-registry"});
      }
      lose(method + path, delivery);
      const Lease lease(*heard, lease_of("one"), clock, log());
      CHECK(plain.wait_for_cut(seconds(0)));
      CHECK(lease.held());
      CHECK(read_lease(client(), {}, "registry", clock)->holder == "one");
    }
  }
  const auto freed_over = [&](TcpProxy::Delivery delivery) {
    Lease lease(*heard, lease_of("one"), clock, log());
    lose("PUT " + path, delivery);
    lease.release();
    CHECK(plain.wait_for_cut(seconds(0)));
    return read_lease(client(), {}, "registry", clock)->holder.empty();
  };
  CHECK(freed_over(TcpProxy::Delivery::withheld));
  CHECK(freed_over(TcpProxy::Delivery::answered));
}

TEST_CASE_METHOD(FarCluster, "evidence is written once though a request or its answer is lost",
                 "[kube]") {
  EvidenceLog evidence(*heard, {}, "registry");
  for (const std::string method : {"POST ", "PUT "}) {
    for (const auto delivery : deliveries) {
      INFO(method << (delivery == TcpProxy::Delivery::answered ? "answered" : "withheld"));
      if (method == "POST ") {
        client().remove({"v1", "ConfigMap", {}, "crossover-registry"});
      }
      const std::size_t before = evidence.read().size();
      lose(method + "/api/v1/namespaces/", delivery);
      evidence.append({{"step", "same each time"}});
      CHECK(plain.wait_for_cut(seconds(0)));
      CHECK(evidence.read().size() == before + 1);
    }
  }
}

TEST_CASE_METHOD(FarCluster, "a patch whose fate is unknown is looked after, not repeated blindly",
                 "[kube]") {
  client().create(config_map("a", {{"k", "0"}}));
  for (const auto delivery : deliveries) {
    const int before = std::stoi(text_at(map(), "/data/k"));
    lose("PATCH /api/v1/namespaces/", delivery);
    int made = 0;
    CHECK(patch_conditionally(*heard, map_ref, [&](const json& object) {
      if (text_at(object, "/data/k") != std::to_string(before)) {
        return json::array();
      }
      ++made;
      return json{{{"op", "test"},
                   {"path", "/metadata/resourceVersion"},
                   {"value", text_at(object, "/metadata/resourceVersion")}},
                  {{"op", "replace"}, {"path", "/data/k"}, {"value", std::to_string(before + 1)}}};
    }));
    CHECK(plain.wait_for_cut(seconds(0)));
    CHECK(map()["data"]["k"] == std::to_string(before + 1));
    CHECK(made == (delivery == TcpProxy::Delivery::answered ? 1 : 2));
  }
}

TEST_CASE_METHOD(FarCluster, "what an apply or a delete has done is told though the answer is lost",
                 "[kube]") {
  for (const auto delivery : deliveries) {
    lose("PATCH /api/v1/namespaces/", delivery);
    const Applied applied = heard->apply(config_map("a", {{"k", "1"}}));
    CHECK(plain.wait_for_cut(seconds(0)));
    CHECK(applied.created);
    CHECK(applied.changed);
    lose("DELETE /api/v1/namespaces/", delivery);
    CHECK(heard->remove(map_ref));
    CHECK(plain.wait_for_cut(seconds(0)));
    CHECK_FALSE(client().find(map_ref));
  }
}

}  // namespace crossover::kube::testing
