#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace crossover::cli {

/// What the approval of a plan is decided from.
struct ApprovalRequest {
  std::string verb = {};
  std::string plan_sha256 = {};      ///< of the plan as it is now
  std::string approved_sha256 = {};  ///< --approved-plan; empty: not given
  std::string stored_sha256 = {};    ///< of the run that is being resumed; empty: none
  bool required = true;              ///< `approval` of crossover.yaml
  bool yes = false;                  ///< --yes
  bool terminal = false;             ///< somebody can be asked
};

/// Shows a question and returns whether the answer was yes.
using Ask = std::function<bool(std::string_view question)>;

/// Returns when the plan may run. A given hash must be the plan's; without one it may run if the
/// run resumes the same plan, if the configuration wants no approval, or if somebody at the
/// terminal says yes (--yes says it for him, and counts at a terminal only). Throws
/// Error{precondition} `unable to run 'VERB': the plan has changed since it was approved (approved
/// HASH, now HASH)` or `unable to run 'VERB': the plan is not approved`.
void require_approval(const ApprovalRequest& request, const Ask& ask);

}  // namespace crossover::cli
