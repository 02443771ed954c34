#include "db-provision/run.h"

#include "db-provision/apply.h"
#include "db-provision/remove.h"
#include "db-provision/status.h"

namespace crossover::db_provision {

void run(cli::TaskContext& context) {
  if (context.verb() == "apply") {
    apply(context);
  } else if (context.verb() == "status") {
    status(context);
  } else {
    remove(context);
  }
}

}  // namespace crossover::db_provision
