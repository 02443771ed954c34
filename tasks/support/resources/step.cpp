#include "resources/step.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "kube/connect.h"
#include "kube/evidence.h"
#include "kube/lease.h"

namespace crossover::resources {

namespace {

using nlohmann::json;

std::string_view outcome_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::precondition:
    case ErrorKind::usage:
      return "refused";
    case ErrorKind::cancelled:
      return "cancelled";
    default:
      return "failed";
  }
}

/// One entry, written at the end of a step. A log that cannot be written must not hide how the step
/// ended, nor turn a change that was made into a failure.
class Entry {
 public:
  Entry(cli::TaskContext& context, kube::Client& client) : context_(context), client_(client) {
    entry_ = {{"step", fmt::format("{} {}", context.task(), context.verb())},
              {"run", context.run_id()},
              {"actor", context.actor()},
              {"start", rfc3339(context.clock().wall())}};
  }

  void write(std::string_view outcome, const std::string& error) {
    entry_["end"] = rfc3339(context_.clock().wall());
    entry_["outcome"] = outcome;
    if (!context_.result().plan_sha256().empty()) {
      entry_["plan_sha256"] = context_.result().plan_sha256();
    }
    if (!error.empty()) {
      entry_["error"] = error;
    }
    try {
      kube::EvidenceLog(client_, context_.namespace_name(), context_.config().name).append(entry_);
    } catch (const Error& failure) {
      context_.log().warning("the evidence has no entry of this run: {}", failure.text());
    }
  }

 private:
  cli::TaskContext& context_;
  kube::Client& client_;
  json entry_;
};

}  // namespace

kube::ConnectOptions connect_options(const cli::TaskContext& context) {
  kube::ConnectOptions options;
  options.kubeconfig = context.kubeconfig();
  options.context = context.kube_context();
  options.ns = context.namespace_name();
  options.user_agent = "crossover/" + context.task();
  return options;
}

std::unique_ptr<kube::Client> connect(const cli::TaskContext& context) {
  return kube::connect(connect_options(context), context.log());
}

namespace {

enum class Success { told_when_changed, told };

void run_locked(cli::TaskContext& context, kube::Client& client, Success success,
                const std::function<void(const kube::Lease&)>& body) {
  kube::LeaseOptions options;
  options.ns = context.namespace_name();
  options.migration = context.config().name;
  options.holder = kube::lease_holder(context.task(), context.run_id());
  const kube::Lease lease(client, options, context.clock(), context.log());
  Entry entry(context, client);
  try {
    body(lease);
  } catch (const Error& error) {
    entry.write(outcome_of(error), error.text());
    throw;
  }
  if (success == Success::told || context.result().changed()) {
    entry.write("done", {});
  }
}

}  // namespace

void run_step(cli::TaskContext& context, kube::Client& client,
              const std::function<cli::Plan()>& make_plan,
              const std::function<void(const cli::Plan&)>& body) {
  if (context.dry_run()) {
    context.confirm(make_plan());
    return;
  }
  run_locked(context, client, Success::told_when_changed, [&](const kube::Lease& lease) {
    const cli::Plan plan = make_plan();
    context.confirm(plan);
    lease.throw_if_lost();
    body(plan);
  });
}

void run_exclusive(cli::TaskContext& context, kube::Client& client,
                   const std::function<void()>& body) {
  run_locked(context, client, Success::told, [&](const kube::Lease& /*lease*/) { body(); });
}

}  // namespace crossover::resources
