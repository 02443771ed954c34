#include "data-sync/apply.h"

#include "data-sync/follow.h"
#include "data-sync/migration.h"
#include "data-sync/preflight.h"
#include "data-sync/rehearse.h"
#include "data-sync/removal.h"
#include "data-sync/salvage.h"
#include "data-sync/start.h"
#include "data-sync/status.h"
#include "data-sync/verify.h"
#include "postgres/sqlstate.h"

namespace crossover::data_sync {
namespace {

void run(Run& migration, const std::string& verb) {
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
  } else if (verb == "salvage") {
    salvage(migration);
  } else if (verb == "finish") {
    finish(migration);
  } else if (verb == "abort") {
    abort(migration);
  } else {
    remove(migration);
  }
}

}  // namespace

void run(cli::TaskContext& context) {
  const std::string& verb = context.verb();
  Run migration(context);
  try {
    run(migration, verb);
  } catch (Error& error) {
    // Every step goes on from what stands in the databases, an in-doubt commit included.
    const bool in_doubt = error.sqlstate() == postgres::sqlstate::commit_in_doubt;
    if (in_doubt || (postgres::is_connection_failure(error) && error.hint().empty())) {
      error.set_hint(
          "run the same command again when both databases answer: it goes on from where it was");
    }
    // The server's own hint is to free the owner, so the application, of its policies.
    const bool hides_rows = error.message().find("row-level security") != std::string::npos;
    if (error.sqlstate() == postgres::sqlstate::not_permitted &&
        (error.hint().empty() || hides_rows)) {
      error.set_hint(
          "`data-sync preflight` names the right that the migration's role lacks, and the "
          "statement that gives it");
    }
    throw;
  }
}

}  // namespace crossover::data_sync
