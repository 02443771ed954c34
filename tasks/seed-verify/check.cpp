#include "seed-verify/check.h"

#include "base/error.h"
#include "seed-verify/call.h"
#include "seed-verify/connections.h"
#include "seed-verify/schema.h"
#include "seed-verify/seeds.h"

namespace crossover::seed_verify {

void check(cli::TaskContext& context) {
  const std::string& phase = context.options().text("phase");
  if (phase.empty()) {
    throw Error(ErrorKind::usage, "unable to run 'check': --phase is missing",
                "one of: schema, seeds, anonymous, full");
  }
  Connections connections(context);
  context.phase(phase, [&] {
    if (phase == "schema") {
      check_schema(context, connections);
    } else if (phase == "seeds") {
      check_seeds(context, connections);
    } else {
      check_endpoints(context, connections);
    }
  });
  context.result().throw_if_check_failed("verify", context.config().name);
}

}  // namespace crossover::seed_verify
