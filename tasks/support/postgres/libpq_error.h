#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "postgres/connection_options.h"

namespace crossover::postgres {

/// What libpq's message about a failed attempt to connect says: the cause of the last address that
/// was tried, without libpq's preamble and the severity, and the server's SQLSTATE when it sent one
/// (the connection must use PQERRORS_VERBOSE). Pure.
struct ConnectFailure {
  std::string cause;
  std::string sqlstate;
};
ConnectFailure read_connect_failure(std::string_view message);

/// The error for a connection that could not be made.
Error connect_error(const ConnectionOptions& options, std::string_view libpq_message);

/// The refusal of a server that is a pooler.
Error pooler_error(const ConnectionOptions& options);

/// The error for a statement that failed on a connection; `result` may be null.
Error statement_error(const ConnectionOptions& options, const PGconn* connection,
                      const PGresult* result);

}  // namespace crossover::postgres
