#include "cli/approval.h"

#include <fmt/format.h>

#include "base/error.h"

namespace crossover::cli {
namespace {

Error refused(const ApprovalRequest& request, std::string_view cause, std::string hint) {
  return Error(ErrorKind::precondition, fmt::format("unable to run '{}': {}", request.verb, cause),
               std::move(hint));
}

}  // namespace

void require_approval(const ApprovalRequest& request, const Ask& ask) {
  if (!request.approved_sha256.empty()) {
    if (request.approved_sha256 != request.plan_sha256) {
      throw refused(
          request,
          fmt::format("the plan has changed since it was approved (approved {}, now {})",
                      request.approved_sha256, request.plan_sha256),
          fmt::format("look at '{} --dry-run' and approve {}", request.verb, request.plan_sha256));
    }
    return;
  }
  if (!request.required || request.stored_sha256 == request.plan_sha256) {
    return;
  }
  if (request.terminal) {
    if (request.yes || ask("run this plan?")) {
      return;
    }
    throw refused(request, "the plan was not approved at the terminal", "nothing was changed");
  }
  throw refused(request, "the plan is not approved",
                fmt::format("give --approved-plan {} once the plan is approved, or set 'approval: "
                            "none' in the configuration",
                            request.plan_sha256));
}

}  // namespace crossover::cli
