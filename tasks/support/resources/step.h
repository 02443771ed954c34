#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/plan.h"
#include "cli/task.h"
#include "kube/client.h"
#include "kube/connect.h"

namespace crossover::resources {

/// A client for the cluster that the task's options and configuration name.
std::unique_ptr<kube::Client> connect(const cli::TaskContext& context);

/// A changing verb from plan to evidence: takes the migration's Lease (not in a dry run), makes the
/// plan, has it confirmed, runs `body`, and appends an entry to the evidence ConfigMap: refusals
/// and failures always, success only when something changed. In a dry run the plan is all that
/// happens. Throws what `make_plan`, the confirmation and `body` throw, and Error{locked} when
/// another run holds the migration.
void run_step(cli::TaskContext& context, kube::Client& client,
              const std::function<cli::Plan()>& make_plan,
              const std::function<void(const cli::Plan&)>& body);

/// A verb that leaves nothing changed but must not run beside another of the same migration: takes
/// the Lease, runs `body`, and appends an entry to the evidence, whatever the outcome.
void run_exclusive(cli::TaskContext& context, kube::Client& client,
                   const std::function<void()>& body);

/// How the cluster is reached, as `connect` uses it.
kube::ConnectOptions connect_options(const cli::TaskContext& context);

}  // namespace crossover::resources
