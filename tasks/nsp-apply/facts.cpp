#include "nsp-apply/facts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kube/object.h"
#include "resources/labels.h"
#include "resources/load.h"

namespace crossover::nsp_apply {

namespace {

using nlohmann::json;

bool contains_all(const json& labels, const json& selector) {
  return std::ranges::all_of(selector.items(), [&](const auto& entry) {
    return labels.contains(entry.key()) && labels.at(entry.key()) == entry.value();
  });
}

class Finder {
 public:
  Finder(kube::Client& client, const config::Migration& migration, const std::string& ns, Log& log)
      : client_(client), migration_(migration), ns_(ns), log_(log) {
    for (const auto* sources : {&migration.provision.database, &migration.provision.api}) {
      std::vector<json> more = resources::load_all(*sources, {.ns = ns, .client = &client});
      std::ranges::move(more, std::back_inserter(planned_));
    }
  }

  std::optional<Pods> behind_service(const std::string& name) const {
    const auto planned = std::ranges::find_if(planned_, [&](const json& object) {
      return kube::text_at(object, "/kind") == "Service" &&
             kube::text_at(object, "/metadata/name") == name;
    });
    std::optional<json> service;
    if (planned != planned_.end()) {
      service = *planned;
    } else {
      service = client_.find({"v1", "Service", ns_, name});
    }
    const json selector = service ? kube::at(*service, "/spec/selector") : json();
    if (!selector.is_object() || selector.empty()) {
      log_.warning("no network rule for what is behind service '{}': {}", name,
                   service ? "it has no selector" : "it is not there");
      return std::nullopt;
    }
    return selected(selector);
  }

  std::optional<Pods> behind(const std::optional<config::Database>& database) const {
    if (database && !database->service.empty()) {
      return behind_service(database->service);
    }
    if (database && !database->selector.empty()) {
      return selected(parse_selector(database->selector));
    }
    return std::nullopt;  // outside of the cluster
  }

  // The new APIs, each once.
  std::vector<std::optional<Pods>> apis() const {
    std::vector<std::string> services;
    for (const config::Route& route : migration_.routes) {
      if (std::ranges::find(services, route.new_service) == services.end()) {
        services.push_back(route.new_service);
      }
    }
    std::vector<std::optional<Pods>> found;
    for (const std::string& service : services) {
      found.push_back(behind_service(service));
      if (found.back() && services.size() > 1) {
        found.back()->service = service;
      }
    }
    return found;
  }

  std::vector<json> flyway(const std::vector<std::optional<Pods>>& apis) const {
    switch (migration_.provision.flyway.runner) {
      case config::FlywayRunner::hook:
        // OpenShift gives a hook's pod no label but its own.
        return {{{"openshift.io/deployer-pod.type", "hook-pre"}}};
      case config::FlywayRunner::init_container:
        return init_container_labels(apis);
      case config::FlywayRunner::job:
        return job_labels();
      default:
        return {};
    }
  }

 private:
  Pods selected(json selector) const {
    for (const json& object : planned_) {
      const json& labels = kube::at(object, "/spec/template/metadata/labels");
      if (labels.is_object() && contains_all(labels, selector)) {
        return {std::move(selector), labels};
      }
    }
    for (const json& pod : client_.list("v1", "Pod", kube::selector_text(selector), ns_).items) {
      json labels = kube::at(pod, "/metadata/labels");
      return {std::move(selector), std::move(labels)};
    }
    return {selector, selector};
  }

  // Of the API whose workload has the container; of all where the sources do not tell which.
  std::vector<json> init_container_labels(const std::vector<std::optional<Pods>>& apis) const {
    const auto workload = std::ranges::find_if(planned_, [this](const json& object) {
      return kube::ref_of(object).text() == migration_.provision.flyway.workload;
    });
    const json labels =
        workload == planned_.end() ? json() : kube::at(*workload, "/spec/template/metadata/labels");
    std::vector<json> all;
    for (const std::optional<Pods>& api : apis) {
      if (api && labels.is_object() && contains_all(labels, api->selector)) {
        return {api->selector};
      }
      if (api) {
        all.push_back(api->selector);
      }
    }
    return all;
  }

  std::vector<json> job_labels() const {
    std::vector<json> found;
    for (const json& object :
         resources::load_all(migration_.provision.flyway.job, {.ns = ns_, .client = &client_})) {
      const json& labels = kube::at(object, "/spec/template/metadata/labels");
      if (labels.is_object() && !labels.empty()) {
        found.push_back(labels);
      } else if (kube::text_at(object, "/kind") == "Job") {
        found.push_back(
            {{"batch.kubernetes.io/job-name", kube::text_at(object, "/metadata/name")}});
      }
    }
    return found;
  }

  kube::Client& client_;
  const config::Migration& migration_;
  const std::string& ns_;
  Log& log_;
  std::vector<json> planned_;
};

int port_of(const std::optional<config::Database>& database) {
  return database ? database->port : 5432;
}

}  // namespace

json parse_selector(const std::string& selector) {
  json labels = json::object();
  for (std::size_t from = 0; from < selector.size();) {
    const std::size_t end = std::min(selector.find(',', from), selector.size());
    const std::string entry = selector.substr(from, end - from);
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 ||
        entry.find_first_of("!() ") != std::string::npos) {
      throw Error(
          ErrorKind::usage,
          fmt::format("unable to use selector '{}': '{}' is not KEY=VALUE", selector, entry));
    }
    const bool doubled = entry.compare(equals, 2, "==") == 0;  // kubectl takes a==b as well
    labels[entry.substr(0, equals)] = entry.substr(equals + (doubled ? 2 : 1));
    from = end + 1;
  }
  return labels;
}

PartFacts find_facts(kube::Client& client, const config::Migration& migration,
                     const std::string& ns, const std::vector<json>& rules, Log& log) {
  const Finder finder(client, migration, ns, log);
  PartFacts facts;
  facts.migration = migration.name;
  facts.ns = ns;
  facts.temporary_label = migration.temporary_label;
  facts.pooler_port = migration.pooler ? migration.pooler->port : 0;
  facts.apis = finder.apis();
  facts.old_database = finder.behind(migration.databases.old_side);
  facts.old_port = port_of(migration.databases.old_side);
  facts.new_database = finder.behind(migration.databases.new_side);
  facts.new_port = port_of(migration.databases.new_side);
  facts.flyway = finder.flyway(facts.apis);
  facts.policies = rules;
  for (json& policy : client.list("networking.k8s.io/v1", "NetworkPolicy", {}, ns).items) {
    if (kube::label(policy, resources::migration_label) != migration.name) {
      facts.policies.push_back(std::move(policy));
    }
  }
  return facts;
}

}  // namespace crossover::nsp_apply
