#include "data-sync/plan.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kube/object.h"

namespace crossover::data_sync {

cli::Plan plan_start(const StartFacts& facts, const config::Sync& settings) {
  const std::string source(sync::name(sync::source(facts.direction)));
  const std::string target(sync::name(sync::target(facts.direction)));
  cli::Plan plan(fmt::format("carry migration {} from the {} to the {} database", facts.migration,
                             source, target));
  plan.set_input("old_system", facts.old_system);
  plan.set_input("new_system", facts.new_system);
  plan.set_input("schema_sha256", facts.schema_sha256);
  plan.add({.action = "close", .object = "new database", .detail = "until the switch opens it"});
  plan.add(
      {.action = "capture", .object = source + " database", .detail = "triggers on every table"});
  for (const sync::SyncedTable& table : facts.tables) {
    if (!facts.copies) {
      break;
    }
    const config::TablePolicy policy = settings.policy_of(table.table.text());
    plan.add({.action = "copy",
              .object = "table " + table.table.text(),
              .detail = std::string(sync::name(table.policy)),
              .payload = {{"policy", std::string(sync::name(table.policy))},
                          {"key", policy.key},
                          {"acceptTargetOnly", policy.accept_target_only}}});
  }
  return plan;
}

cli::Plan plan_rehearsal(const RehearsalFacts& facts, const resources::ObjectSet& api,
                         const std::vector<config::EndpointCheck>& checks) {
  constexpr double mebibyte = 1048576;
  cli::Plan plan(
      fmt::format("rehearse migration {} on a copy of the new database", facts.migration));
  plan.set_input("old_system", facts.old_system);
  plan.set_input("new_system", facts.new_system);
  plan.set_input("schema_sha256", facts.schema_sha256);
  const std::string database = "database " + facts.database;
  plan.add({.action = "create", .object = database, .detail = "on the new database's server"});
  plan.add({.action = "copy",
            .object = "new database",
            .detail = fmt::format("schema and all rows, about {:.0f} MiB",
                                  static_cast<double>(facts.expected_bytes) / mebibyte)});
  // Whether an interrupted rehearsal has left some of them is nothing to approve.
  resources::SetState nothing;
  nothing.live.resize(api.objects().size());
  resources::add_steps(plan, api, nothing);
  for (const config::EndpointCheck& check : checks) {
    plan.add({.action = "call",
              .object = fmt::format("{} {}", check.method, check.path),
              .detail = check.name,
              .payload = {{"writes", check.writes}, {"body", check.body}}});
  }
  for (auto object = api.objects().rbegin(); object != api.objects().rend(); ++object) {
    plan.add({.action = "delete", .object = kube::ref_of(*object).text()});
  }
  plan.add({.action = "drop", .object = database});
  return plan;
}

void require_entry_named(const std::vector<nlohmann::json>& objects, const std::string& entry) {
  for (const nlohmann::json& object : objects) {
    if (object.dump().find(entry) != std::string::npos) {
      return;
    }
  }
  throw Error(ErrorKind::usage,
              fmt::format("unable to rehearse: no object of 'provision.rehearsal' names the "
                          "pooler's entry '{}'",
                          entry),
              "its API must ask the pooler for that database, or its writes would go to a live "
              "one");
}

cli::Plan plan_removal(const std::string& verb, const std::string& migration,
                       const std::vector<std::string>& sides) {
  cli::Plan plan(fmt::format("{} migration {}", verb, migration));
  for (const std::string& side : sides) {
    plan.add({.action = verb, .object = side + " database"});
  }
  return plan;
}

}  // namespace crossover::data_sync
