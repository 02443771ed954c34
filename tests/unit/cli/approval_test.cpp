#include "cli/approval.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "cli/plan.h"

using namespace crossover;
using cli::ApprovalRequest;
using cli::Plan;

namespace {

bool allowed(const ApprovalRequest& request, bool answer = false) {
  try {
    cli::require_approval(request, [&](std::string_view) { return answer; });
    return true;
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::precondition);
    return false;
  }
}

Plan plan() {
  Plan made("goal");
  made.set_input("uid", "1").add({"apply", "thing", "seen so", {{"a", 1}}});
  return made;
}

}  // namespace

TEST_CASE("a given hash decides alone") {
  CHECK(allowed({.verb = "x", .plan_sha256 = "a", .approved_sha256 = "a"}));
  CHECK_FALSE(allowed({.verb = "x",
                       .plan_sha256 = "a",
                       .approved_sha256 = "b",
                       .stored_sha256 = "a",
                       .required = false,
                       .yes = true,
                       .terminal = true},
                      true));
}

TEST_CASE("without a hash: no approval wanted, a resume of the same plan, or a yes") {
  CHECK(allowed({.verb = "x", .plan_sha256 = "a", .required = false}));
  CHECK(allowed({.verb = "x", .plan_sha256 = "a", .stored_sha256 = "a"}));
  CHECK_FALSE(allowed({.verb = "x", .plan_sha256 = "a", .stored_sha256 = "b"}));
  CHECK(allowed({.verb = "x", .plan_sha256 = "a", .terminal = true}, true));
  CHECK_FALSE(allowed({.verb = "x", .plan_sha256 = "a", .terminal = true}, false));
  CHECK(allowed({.verb = "x", .plan_sha256 = "a", .yes = true, .terminal = true}, false));
  CHECK_FALSE(allowed({.verb = "x", .plan_sha256 = "a", .yes = true}, true));
}

TEST_CASE("the hash holds what is decided about and nothing that was observed") {
  Plan same("goal");
  same.set_input("uid", "1").add({"apply", "thing", "seen otherwise", {{"a", 1}}});
  CHECK(plan().sha256() == same.sha256());
  Plan other("other goal");
  other.set_input("uid", "1").add({"apply", "thing", "", {{"a", 1}}});
  CHECK(plan().sha256() != other.sha256());
  CHECK(plan().set_input("uid", "2").sha256() != plan().sha256());
  CHECK(plan().add({"apply", "more", "", nullptr}).sha256() != plan().sha256());
  Plan payload("goal");
  payload.set_input("uid", "1").add({"apply", "thing", "", {{"a", 2}}});
  CHECK(plan().sha256() != payload.sha256());
}
