#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/stop.h"
#include "config/provision.h"
#include "postgres/connection_options.h"

namespace crossover::flyway {

/// The JDBC URL of a database as this process reaches it. A port-forward ends at 127.0.0.1, whose
/// name JDBC can't check: the certificate's authority is then checked and its name is not. Pure.
std::string jdbc_url(const postgres::ConnectionOptions& options);

/// Runs Flyway's command (its words as configured, `verb` in place of `migrate`) on this machine.
/// URL, user and password go by the environment (Flyway's reference, "Environment variables"),
/// never by argv. Each line that it prints goes to `log`. Throws Error{failure} `unable to run
/// 'flyway': exit code 1: ...`.
void run_local(const config::Flyway& flyway, const std::string& verb,
               const postgres::ConnectionOptions& database, Duration timeout, Log& log,
               const StopRequest& stop);

}  // namespace crossover::flyway
