#pragma once

#include <string>

#include "base/log.h"
#include "config/migration.h"
#include "cutover/pooler_config.h"
#include "kube/client.h"

namespace crossover::db_provision {

/// Everything that the pooler is made of: addresses as its pods reach them, log-ins and authorities
/// from the Secrets that are there. The administrator's password is made once: that of the
/// pooler's Secret is kept. Throws Error{usage} for a database that pods can't reach by name, and
/// Error{precondition} for a missing Secret or key.
cutover::PoolerSpec pooler_spec(const config::Migration& config, const std::string& ns,
                                kube::Client& client, Log& log);

}  // namespace crossover::db_provision
