#include "nsp-apply/plan.h"

namespace crossover::nsp_apply {

cli::Plan plan_apply(const resources::ObjectSet& rules, const resources::SetState& state, bool home,
                     bool force) {
  cli::Plan plan(home ? "apply the network rules of home" : "apply the network rules");
  if (force) {
    plan.set_input("force_conflicts", true);
  }
  resources::add_steps(plan, rules, state);
  return plan;
}

cli::Plan plan_remove(const std::vector<nlohmann::json>& present, bool home) {
  cli::Plan plan(home ? "remove the network rules of home" : "remove the network rules");
  resources::add_delete_steps(plan, present);
  return plan;
}

}  // namespace crossover::nsp_apply
