#include "cli/task.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/error.h"
#include "cli/approval.h"

namespace crossover::cli {

const config::Migration& TaskContext::config() const {
  if (parts_.config == nullptr) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to run '{}': there is no configuration file", parts_.verb),
                "give it with --config FILE, or run in the folder of crossover.yaml");
  }
  return *parts_.config;
}

bool TaskContext::dry_run() const { return parts_.options.flag("dry-run"); }

std::string TaskContext::namespace_name() const { return parts_.options.text("namespace"); }

std::string TaskContext::kubeconfig() const { return parts_.options.text("kubeconfig"); }

std::string TaskContext::kube_context() const { return parts_.options.text("context"); }

Duration TaskContext::timeout(Duration otherwise) const {
  return parts_.options.given("timeout") ? parts_.options.duration("timeout") : otherwise;
}

std::string TaskContext::actor() const {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
  };
  if (const std::string actor = variable("GITHUB_ACTOR"); !actor.empty()) {
    return "github/" + actor;
  }
  if (parts_.options.given("run-id")) {
    return "run/" + parts_.run_id;
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string user = variable("USER");
  return fmt::format("{}@{}", user.empty() ? fmt::format("uid-{}", ::getuid()) : user, host.data());
}

bool TaskContext::confirm(const Plan& plan, std::string_view stored_sha256) const {
  result().set_plan(plan);
  if (dry_run()) {
    return false;
  }
  const ApprovalRequest request{
      .verb = fmt::format("{} {}", parts_.task, parts_.verb),
      .plan_sha256 = plan.sha256(),
      .approved_sha256 = parts_.options.text("approved-plan"),
      .stored_sha256 = std::string(stored_sha256),
      .required = !has_config() || config().approval.mode == config::ApprovalMode::required,
      .yes = parts_.options.flag("yes"),
      .terminal = parts_.terminal};
  require_approval(
      request, [&](std::string_view question) { return parts_.ask && parts_.ask(plan, question); });
  return true;
}

void TaskContext::phase(const std::string& name, const std::function<void()>& body) const {
  log().info("{}", name);
  const auto begin = clock().now();
  const auto start = clock().wall();
  const auto record = [&]() {
    result().add_phase({name, start, clock().wall()});
    result().set_metric(name + "_seconds",
                        seconds(std::chrono::duration_cast<Duration>(clock().now() - begin)));
  };
  try {
    body();
  } catch (...) {
    record();
    throw;
  }
  record();
}

}  // namespace crossover::cli
