#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace crossover::cli {

/// One thing that a run will do.
struct PlanStep {
  std::string action = {};  ///< what is wanted, "apply", "delete", "copy"; not what was observed
  std::string object = {};  ///< "networkpolicy/api-to-db", "table public.profile"
  std::string detail = {};  ///< for people, observations too; not part of the hash
  nlohmann::json payload = nullptr;  ///< the desired spec, policy, ...; part of the hash
};

/// What a task's plan function makes and its apply function runs. Approval is bound to its hash, so
/// everything that the approver decides about must be in `goal`, `inputs` or a step's `action`,
/// `object` and `payload` (object UIDs, desired specs, image digests, table policies, schema
/// fingerprints, backends) and nothing that merely was observed (lag, counts, resourceVersions).
class Plan {
 public:
  explicit Plan(std::string goal) : goal_(std::move(goal)) {}

  Plan& add(PlanStep step);
  /// Something that the plan depends on and that is no step, for example "uid" of a Route.
  Plan& set_input(const std::string& name, nlohmann::json value);

  const std::string& goal() const { return goal_; }
  const std::vector<PlanStep>& steps() const { return steps_; }
  /// 64 hexadecimal digits.
  std::string sha256() const;
  /// {goal, sha256, inputs, steps: [{action, object, detail, payload}]}.
  nlohmann::json to_json() const;

 private:
  std::string goal_;
  nlohmann::json inputs_ = nlohmann::json::object();
  std::vector<PlanStep> steps_;
};

}  // namespace crossover::cli
