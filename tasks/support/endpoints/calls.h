#pragma once

#include <functional>
#include <string>

#include "cli/task.h"
#include "endpoints/expectation.h"
#include "endpoints/place.h"

namespace crossover::endpoints {

/// How the checks of `verify.endpoints` are called.
struct CallPlan {
  CallRules rules;
  std::string token;  ///< what "{token}" of a check stands for
  /// Called once between the reads and the first check that writes, if one does. What it throws
  /// ends the calls.
  std::function<void()> before_writes = {};
};

/// Calls every check of `verify.endpoints` that the rules let through on `place` and puts outcomes,
/// answers and latencies into the result; those left out are skipped checks with their reason.
/// Those that read go in parallel, those that write one after another with their clean-up behind
/// them. Throws Error{usage} before anything is sent when there are no checks or one is wrong,
/// Error{precondition} for a log-in that is not in the environment; a wrong answer is a failed
/// check, not an error. One thread.
void call(const cli::TaskContext& context, const Place& place, const CallPlan& plan);

/// A word for CallPlan::token that nobody else has.
std::string new_token();

}  // namespace crossover::endpoints
