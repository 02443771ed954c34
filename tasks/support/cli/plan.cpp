#include "cli/plan.h"

#include "digest/sha256.h"

namespace crossover::cli {

Plan& Plan::add(PlanStep step) {
  steps_.push_back(std::move(step));
  return *this;
}

Plan& Plan::set_input(const std::string& name, nlohmann::json value) {
  inputs_[name] = std::move(value);
  return *this;
}

std::string Plan::sha256() const {
  nlohmann::json hashed{{"goal", goal_}, {"inputs", inputs_}, {"steps", nlohmann::json::array()}};
  for (const PlanStep& step : steps_) {
    hashed["steps"].push_back({step.action, step.object, step.payload});
  }
  return digest::sha256_json(hashed);
}

nlohmann::json Plan::to_json() const {
  nlohmann::json document{{"goal", goal_},
                          {"sha256", sha256()},
                          {"inputs", inputs_},
                          {"steps", nlohmann::json::array()}};
  for (const PlanStep& step : steps_) {
    nlohmann::json entry{{"action", step.action}, {"object", step.object}};
    if (!step.detail.empty()) {
      entry["detail"] = step.detail;
    }
    if (!step.payload.is_null()) {
      entry["payload"] = step.payload;
    }
    document["steps"].push_back(std::move(entry));
  }
  return document;
}

}  // namespace crossover::cli
