#include "kube/cleanup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr int rank_of_workloads = 2;
/// After those that use them: what waits for a database does not notice that its client has gone.
constexpr int rank_of_workloads_with_data = 3;

/// What leads to others goes before what it leads to, and rights go last.
int rank(const std::string& kind) {
  static const std::map<std::string, int, std::less<>> ranks = {
      {"Route", 0},
      {"Ingress", 0},
      {"HTTPRoute", 0},
      {"HorizontalPodAutoscaler", 1},
      {"CronJob", 1},
      {"DeploymentConfig", rank_of_workloads},
      {"Deployment", rank_of_workloads},
      {"StatefulSet", rank_of_workloads_with_data},
      {"DaemonSet", rank_of_workloads},
      {"Job", rank_of_workloads},
      {"ReplicaSet", rank_of_workloads},
      {"ReplicationController", rank_of_workloads},
      {"Pod", rank_of_workloads},
      {"Service", 5},
      {"NetworkPolicy", 6},
      {"NetworkSecurityPolicy", 6},
      {"ExternalNetwork", 6},
      {"ConfigMap", 7},
      {"Secret", 7},
      {"PersistentVolumeClaim", 7},
      {"RoleBinding", 8},
      {"Role", 9},
      {"ServiceAccount", 10},
  };
  constexpr int all_others = 4;
  const auto found = ranks.find(kind);
  return found == ranks.end() ? all_others : found->second;
}

bool runs_pods(const std::string& kind) {
  const int found = rank(kind);
  return found == rank_of_workloads_with_data || (found == rank_of_workloads && kind != "Pod");
}

/// Which of three parts an object goes with; one part has gone before the next is deleted.
std::size_t part_of(const json& object) {
  const int found = rank(text_at(object, "/kind"));
  return found <= rank_of_workloads ? 0 : found == rank_of_workloads_with_data ? 1 : 2;
}

/// Kinds that others make and keep, and mirrors of a kind that is in the list by its own name.
bool is_left_out(const Resource& resource) {
  static const std::set<std::string, std::less<>> kinds = {"Event", "Endpoints", "EndpointSlice",
                                                           "ControllerRevision", "PodMetrics"};
  return kinds.contains(resource.kind) ||
         resource.api_version.starts_with("authorization.openshift.io/");
}

bool is_owned_by_any(const json& object, const std::set<std::string>& uids) {
  for (const json& owner : at(object, "/metadata/ownerReferences")) {
    if (at(owner, "/controller") == true && uids.contains(text_at(owner, "/uid"))) {
      return true;
    }
  }
  return false;
}

/// All that may be listed and deleted in a namespace.
std::vector<ListRequest> requests_for(Client& client, const std::string& label_selector,
                                      const std::string& ns) {
  std::vector<ListRequest> requests;
  for (Resource& resource : client.resources()) {
    if (resource.namespaced && resource.can("list") && resource.can("delete") &&
        !is_left_out(resource)) {
      ListOptions options;
      options.ns = ns;
      options.label_selector = label_selector;
      requests.push_back({resource.api_version, resource.kind, options});
    }
  }
  return requests;
}

/// What nobody may list is left out, and said.
void throw_or_skip(const Error& error, const ListRequest& request, Log& log) {
  const int status = error.http_status();
  if (status != 403 && status != 404 && status != 405) {
    throw Error(error);
  }
  log.warning("objects of kind {} are left out: {}", request.kind, error.message());
}

struct Doomed {
  Ref ref;
  std::string uid;
};

/// Asks for the deletion of each; returns those that were there, with their uids.
std::vector<Doomed> ask_to_go(Client& client, const std::vector<json>& objects, Log& log,
                              const StopRequest& stop) {
  std::vector<Doomed> doomed;
  for (const json& object : objects) {
    stop.throw_if_requested();
    const Ref ref = ref_of(object);
    DeleteOptions options;
    options.uid = text_at(object, "/metadata/uid");
    // A workload stays until its pods have ended: they are known by nothing else.
    options.propagation = runs_pods(ref.kind) ? Propagation::foreground : Propagation::background;
    try {
      if (client.remove(ref, options)) {
        log.info("deleted {}", ref.text());
        doomed.push_back({ref, options.uid});
      }
    } catch (const Error& error) {
      if (error.http_status() != 409) {
        throw;
      }
      log.info("kept {}: it is another one by now", ref.text());
    }
  }
  return doomed;
}

void await_gone(Client& client, std::vector<Doomed> left, const Deadline& deadline,
                Duration timeout, const Clock& clock, const StopRequest& stop) {
  for (Duration pause = std::chrono::milliseconds(100);;
       pause = std::min<Duration>(pause * 3 / 2, std::chrono::seconds(1))) {
    std::vector<Ref> refs;
    for (const Doomed& one : left) {
      refs.push_back(one.ref);
    }
    const std::vector<std::optional<json>> live = client.find_all(refs);
    std::vector<Doomed> still;
    for (std::size_t index = 0; index < left.size(); ++index) {
      if (live[index] && text_at(*live[index], "/metadata/uid") == left[index].uid) {
        still.push_back(std::move(left[index]));
      }
    }
    left = std::move(still);
    if (left.empty()) {
      return;
    }
    stop.throw_if_requested();
    if (deadline.passed()) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to delete '{}': it is still there after {:g} s",
                              left.front().ref.text(), seconds(timeout)),
                  "something uses it, or a finalizer holds it: see 'oc describe'");
    }
    clock.sleep(pause);
  }
}

}  // namespace

std::vector<json> select_all_by_label(Client& client, const std::string& label_selector,
                                      const std::string& ns, Log& log) {
  std::vector<json> found;
  std::set<std::string> uids;
  client.forget_discovery();
  const std::vector<ListRequest> requests = requests_for(client, label_selector, ns);
  std::vector<ListOutcome> outcomes = client.list_all(requests);
  for (std::size_t index = 0; index < requests.size(); ++index) {
    if (outcomes[index].error) {
      throw_or_skip(*outcomes[index].error, requests[index], log);
    }
    for (json& object : outcomes[index].list.items) {
      // One object may be served by two groups.
      if (uids.insert(text_at(object, "/metadata/uid")).second) {
        found.push_back(std::move(object));
      }
    }
  }
  std::erase_if(found, [&](const json& object) { return is_owned_by_any(object, uids); });
  std::stable_sort(found.begin(), found.end(), [](const json& left, const json& right) {
    return rank(text_at(left, "/kind")) < rank(text_at(right, "/kind"));
  });
  return found;
}

std::vector<Ref> delete_all(Client& client, const std::vector<json>& objects, Duration timeout,
                            const Clock& clock, Log& log, const StopRequest& stop) {
  const Deadline deadline(clock, timeout);
  std::array<std::vector<json>, 3> parts;
  for (const json& object : objects) {
    parts.at(part_of(object)).push_back(object);
  }
  std::vector<Ref> deleted;
  for (const std::vector<json>& part : parts) {
    const std::vector<Doomed> doomed = ask_to_go(client, part, log, stop);
    for (const Doomed& one : doomed) {
      deleted.push_back(one.ref);
    }
    await_gone(client, doomed, deadline, timeout, clock, stop);
  }
  return deleted;
}

}  // namespace crossover::kube
