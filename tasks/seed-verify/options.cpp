#include "seed-verify/options.h"

namespace crossover::seed_verify {

cli::TaskSpec task_spec() {
  return {
      .name = "seed-verify",
      .summary = "checks the new database's schema and seeds, and the endpoints of the API",
      .description =
          "Phase schema holds the new database's tables, columns and keys against the old one's, "
          "and looks at Flyway's history. Phase seeds looks up the rows of verify.seeds by their "
          "natural key. Phase anonymous calls the endpoints that need no login, by GET and HEAD "
          "only, since a login would write; phase full calls all. A mismatch is exit code 4.",
      .verbs = {{.name = "check", .summary = "check, and show each check in a table"}},
      .options = {{.name = "phase",
                   .type = cli::OptionType::enumeration,
                   .value_name = "PHASE",
                   .help = "what is checked",
                   .values = {"schema", "seeds", "anonymous", "full"}},
                  {.name = "target",
                   .type = cli::OptionType::enumeration,
                   .value_name = "TARGET",
                   .help = "what the endpoints are called on, one of verify.targets; default: "
                           "check, where it is configured, for anonymous, else api",
                   .values = {"api", "check", "route"}},
                  {.name = "allow-writes",
                   .type = cli::OptionType::flag,
                   .help = "call the endpoints that write before the switch too: they write to the "
                           "live database"}},
      .examples = {"seed-verify check --phase schema", "seed-verify check --phase seeds",
                   "seed-verify check --phase anonymous --target check",
                   "seed-verify check --phase full --target route"}};
}

}  // namespace crossover::seed_verify
