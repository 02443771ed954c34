#pragma once

#include <map>
#include <optional>
#include <string>

namespace crossover::config {

/// What is done to one object.
struct Action {
  std::string object;                              ///< "deployment/mailer"
  std::optional<int> replicas;                     ///< scale
  std::map<std::string, std::string> environment;  ///< of its first container
  std::map<std::string, std::string> labels;
};

/// A consumer, schedule or mailer of which exactly one must be live. `before`: while the old API is
/// in charge; `after`: once the new one is.
struct SideEffect {
  std::string name;
  Action before;
  Action after;
};

}  // namespace crossover::config
