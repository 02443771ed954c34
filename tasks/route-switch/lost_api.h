#pragma once

#include "base/error.h"
#include "kube/client.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// How far a switch or rollback of the whole service has come.
enum class Progress {
  untouched,  ///< nothing has been changed
  leading,    ///< Routes are being led to the new APIs; the database is where it was
  moved,      ///< the database has been moved
};

/// Whether the error is that of an API server which can't be reached.
bool is_lost_api(const Error& error, const kube::Client& client);

/// Adds to the hint of such an error where the service is and what to do. Pure.
void tell_where(Error& error, sync::Side to, Progress progress);

}  // namespace crossover::route_switch
