#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/task.h"
#include "config/network.h"

namespace crossover::nsp_apply {

/// Tries every connection of `network.prove` at the same time, each from a pod of its own that
/// bears the source's labels, and tells a check for each. The pods are gone afterwards, whatever
/// happened. Throws Error{conflict} when a path is not as expected (not with --before).
void prove(cli::TaskContext& context);

/// Where a probe connects to: an address, so that a closed way to the DNS does not decide.
struct Address {
  std::string host;
  int port = 0;
};

/// The pod that tries one connection. It never gets ready, so that no Service that selects its
/// labels sends it requests, and `owner` (an object of ours, as an ownerReference's members)
/// controls it, so that no ReplicaSet or StatefulSet that selects them adopts it. With an image of
/// its own it runs bash and timeout(1), else Crossover's own `nsp-apply prove --connect`. Pure.
nlohmann::json probe_pod(const config::Probe& probe, const std::string& own_image,
                         const Address& address, const std::string& name,
                         const nlohmann::json& owner);

/// What the pod's container found out.
enum class Outcome { open, refused, no_answer, failed };
Outcome outcome_of(const nlohmann::json& pod);

}  // namespace crossover::nsp_apply
