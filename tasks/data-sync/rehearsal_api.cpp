#include "data-sync/rehearsal_api.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cutover/rehearsal_entry.h"
#include "data-sync/plan.h"
#include "kube/object.h"
#include "kube/wait_ready.h"
#include "resources/label_objects.h"
#include "resources/labels.h"
#include "resources/load.h"

namespace crossover::data_sync {
namespace {

using nlohmann::json;

constexpr const char* set_name = "rehearsal";
constexpr auto delete_timeout = std::chrono::minutes(2);

std::vector<json> load_objects(const Run& run) {
  const config::Migration& config = run.config();
  if (config.provision.rehearsal.empty()) {
    return {};
  }
  kube::Client& client = run.client();
  std::vector<json> objects =
      resources::label_pods(resources::load_all(config.provision.rehearsal,
                                                {.ns = client.own_namespace(), .client = &client}),
                            config.name, resources::part_rehearsal);
  for (json& object : objects) {
    resources::add_temporary_label(object, config.temporary_label);
  }
  require_entry_named(objects, cutover::rehearsal_entry(config.databases.new_side->database));
  return objects;
}

std::vector<std::string> places(const Run& run) {
  std::vector<std::string> names = {run.client().own_namespace()};
  for (const config::Source& source : run.config().provision.rehearsal) {
    if (!source.namespace_name.empty()) {
      names.push_back(source.namespace_name);
    }
  }
  return names;
}

}  // namespace

RehearsalApi::RehearsalApi(const Run& run)
    : run_(run), objects_(run.config().name, set_name, load_objects(run)) {}

void RehearsalApi::bring_up() {
  if (outside()) {
    return;
  }
  const cli::TaskContext& context = run_.context();
  // What goes again by the end of the run is no change of it.
  cli::Result passing(context.task(), context.verb());
  const resources::SetState state =
      resources::observe(run_.client(), objects_, places(run_), context.log());
  resources::apply(run_.client(), objects_, state, {}, context.clock(), context.log(),
                   context.stop(), passing);
  kube::wait_ready(run_.client(), objects_.objects(),
                   context.timeout(run_.config().provision.timeout), context.clock(), context.log(),
                   context.stop());
}

std::size_t RehearsalApi::remove(const StopRequest& stop) {
  if (outside()) {
    return 0;
  }
  const cli::TaskContext& context = run_.context();
  const std::vector<json> there =
      resources::members(run_.client(), run_.config().name, set_name, places(run_), context.log());
  cli::Result passing(context.task(), context.verb());
  resources::remove(run_.client(), there, delete_timeout, context.clock(), context.log(), stop,
                    passing);
  return there.size();
}

std::vector<std::string> RehearsalApi::addresses() const {
  std::vector<std::string> found;
  if (outside()) {
    return found;
  }
  const std::string selector =
      fmt::format("{}={},{}={}", resources::migration_label, run_.config().name,
                  resources::part_label, resources::part_rehearsal);
  for (const std::string& ns : places(run_)) {
    for (const json& pod : run_.client().list("v1", "Pod", selector, ns).items) {
      if (const std::string address = kube::text_at(pod, "/status/podIP"); !address.empty()) {
        found.push_back(address);
      }
    }
  }
  return found;
}

}  // namespace crossover::data_sync
