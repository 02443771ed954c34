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

std::unique_ptr<kube::Client> connect(const cli::TaskContext& context) {
  kube::ConnectOptions options;
  options.kubeconfig = context.kubeconfig();
  options.context = context.kube_context();
  options.ns = context.namespace_name();
  options.user_agent = "crossover/" + context.task();
  return kube::connect(options, context.log());
}

void run_step(cli::TaskContext& context, kube::Client& client,
              const std::function<cli::Plan()>& make_plan,
              const std::function<void(const cli::Plan&)>& body) {
  if (context.dry_run()) {
    context.confirm(make_plan());
    return;
  }
  kube::LeaseOptions options;
  options.ns = context.namespace_name();
  options.migration = context.config().name;
  options.holder = kube::lease_holder(context.task(), context.run_id());
  const kube::Lease lease(client, options, context.clock(), context.log());
  Entry entry(context, client);
  try {
    const cli::Plan plan = make_plan();
    context.confirm(plan);
    lease.throw_if_lost();
    body(plan);
  } catch (const Error& error) {
    entry.write(outcome_of(error), error.text());
    throw;
  }
  if (context.result().changed()) {
    entry.write("done", {});
  }
}

}  // namespace crossover::resources
