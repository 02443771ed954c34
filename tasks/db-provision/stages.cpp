#include "db-provision/stages.h"

#include <algorithm>
#include <set>

#include "cutover/pooler_config.h"
#include "db-provision/pooler_spec.h"
#include "kube/object.h"
#include "resources/label_objects.h"
#include "resources/labels.h"
#include "resources/load.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

/// Data of a Secret as the server keeps it, so that server-side apply owns the very keys and one
/// that is dropped goes away.
void encode_secret(json& object) {
  if (!object.contains("stringData")) {
    return;
  }
  for (const auto& [key, value] : object["stringData"].items()) {
    object["data"][key] = kube::base64_encode(value.get<std::string>());
  }
  object.erase("stringData");
}

std::vector<json> pooler_stage(const config::Migration& config, const std::string& ns,
                               kube::Client& client, Log& log) {
  std::vector<json> objects = cutover::pooler_objects(pooler_spec(config, ns, client, log));
  std::ranges::for_each(objects, encode_secret);
  return objects;
}

}  // namespace

std::vector<Stage> desired_stages(const config::Migration& config, Way way, const std::string& ns,
                                  kube::Client* client, Log& log) {
  const config::Provision& provision = config.provision;
  const auto load = [&](const std::vector<config::Source>& sources) {
    return resources::load_all(sources, {.ns = ns, .client = client});
  };
  std::vector<Stage> stages;
  if (way == Way::home) {
    stages = {{"home-database", load(provision.home_database)},
              {"home-api", load(provision.home_api)}};
  } else {
    stages.push_back(
        {"database", provision.external ? std::vector<json>() : load(provision.database)});
    if (config.pooler && client != nullptr) {
      stages.push_back({"pooler", pooler_stage(config, ns, *client, log)});
    }
    if (provision.flyway.runner == config::FlywayRunner::job) {
      stages.push_back({"flyway", load(provision.flyway.job)});
    }
    stages.push_back({"api", load(provision.api)});
    stages.push_back({"check", provision.check_api
                                   ? resources::label_pods(load(provision.check), config.name,
                                                           resources::part_check)
                                   : std::vector<json>()});
    for (Stage& stage : stages) {
      for (json& object : stage.objects) {
        if (!resources::add_temporary_label(object, config.temporary_label)) {
          log.warning("'{}' does not bear the temporary label '{}': clean-up will not find it",
                      kube::ref_of(object).text(), config.temporary_label);
        }
      }
    }
  }
  return stages;
}

std::vector<std::string> namespaces_of(const config::Migration& config, const std::string& ns) {
  const config::Provision& provision = config.provision;
  std::set<std::string> names = {ns};
  for (const auto* sources :
       {&provision.database, &provision.api, &provision.check, &provision.rehearsal,
        &provision.stay, &provision.home_database, &provision.home_api, &provision.flyway.job}) {
    for (const config::Source& source : *sources) {
      if (!source.namespace_name.empty()) {
        names.insert(source.namespace_name);
      }
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace crossover::db_provision
