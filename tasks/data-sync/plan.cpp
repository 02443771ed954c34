#include "data-sync/plan.h"

#include <fmt/format.h>

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

cli::Plan plan_removal(const std::string& verb, const std::string& migration,
                       const std::vector<std::string>& sides) {
  cli::Plan plan(fmt::format("{} migration {}", verb, migration));
  for (const std::string& side : sides) {
    plan.add({.action = verb, .object = side + " database"});
  }
  return plan;
}

}  // namespace crossover::data_sync
