#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace crossover::config {

/// The signal that is watched after the switch.
struct Health {
  std::string endpoint;  ///< name of one of verify.endpoints; empty: the route's marker
  int failures = 3;      ///< in a row, then roll back
};

/// `switch`.
struct Cutover {
  Duration pause_budget = std::chrono::seconds(2);  ///< PAUSE to RESUME; over it: RESUME, exit 6
  std::uint64_t max_lag = std::uint64_t{1} << 20U;  ///< bytes of capture log not yet applied
  Duration quiet = std::chrono::seconds(3);  ///< without a write from anything but the poolers
  Duration ready_timeout = std::chrono::minutes(2);    ///< until enough pods are ready to be led to
  Duration uptake_timeout = std::chrono::seconds(60);  ///< until the router leads to the new API
  Duration watch = std::chrono::seconds(10);           ///< after the switch
  Health health;
};

}  // namespace crossover::config
