#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/migration.h"
#include "kube/client.h"
#include "nsp-apply/part_rules.h"

namespace crossover::nsp_apply {

/// Finds out what the rules for Crossover's own parts are made from: Services and pod labels as the
/// sources of `provision` make them, else as they are in the cluster, and the namespace's policies.
/// `rules`: what is about to be applied. `ns` must not be empty. Says in `log` which part it could
/// not find: it then gets no rule.
PartFacts find_facts(kube::Client& client, const config::Migration& migration,
                     const std::string& ns, const std::vector<nlohmann::json>& rules, Log& log);

/// "a=b,c=d" as a JSON object. Throws Error{usage} `unable to use selector 'x': ...`. Pure.
nlohmann::json parse_selector(const std::string& selector);

}  // namespace crossover::nsp_apply
