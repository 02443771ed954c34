#pragma once

namespace crossover {

/// What every task's process exits with. The numbers are part of the contract of the tasks:
/// pipelines branch on them, so a number never changes its meaning.
enum class ExitCode : int {
  done = 0,          ///< finished; the result's `changed` says whether anything was changed
  failure = 1,       ///< something failed that no other code describes
  usage = 2,         ///< wrong flags, verb, environment or crossover.yaml; nothing was touched
  precondition = 3,  ///< the world is not as it must be, or has drifted from the approved plan
  conflict = 4,      ///< data differ: mismatch in verification, conflicting rows
  locked = 5,        ///< another run holds the migration
  timeout = 6,       ///< ran out of time; the data is where it was
  rolled_back = 7,   ///< the step was undone
};

}  // namespace crossover
