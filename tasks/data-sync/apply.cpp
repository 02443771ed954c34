#include "data-sync/apply.h"

#include "data-sync/follow.h"
#include "data-sync/migration.h"
#include "data-sync/preflight.h"
#include "data-sync/rehearse.h"
#include "data-sync/removal.h"
#include "data-sync/start.h"
#include "data-sync/status.h"
#include "data-sync/verify.h"

namespace crossover::data_sync {

void run(cli::TaskContext& context) {
  const std::string& verb = context.verb();
  Run migration(context);
  if (verb == "preflight") {
    preflight(migration);
  } else if (verb == "start") {
    start(migration);
  } else if (verb == "follow") {
    follow(migration);
  } else if (verb == "verify") {
    verify(migration);
  } else if (verb == "status") {
    status(migration);
  } else if (verb == "rehearse") {
    rehearse(migration);
  } else if (verb == "finish") {
    finish(migration);
  } else if (verb == "abort") {
    abort(migration);
  } else {
    remove(migration);
  }
}

}  // namespace crossover::data_sync
