#include "route-switch/options.h"

namespace crossover::route_switch {

cli::TaskSpec task_spec() {
  cli::TaskSpec spec{
      .name = "route-switch",
      .summary = "moves a live service to the new API and the new database, and back",
      .description =
          "Leads the Route (or HTTPRoute) to the new API while it still writes to the old database "
          "through the pooler, then moves the writing to the new database in one short pause in "
          "which no request fails and no acknowledged write is lost. Rolling back is the same with "
          "the roles exchanged, and keeps what was written since.",
      .verbs = {{.name = "plan", .summary = "show what switch would do, and the hash to approve"},
                {.name = "switch",
                 .summary = "lead the route to the new API, then move to the new database",
                 .changes = true},
                {.name = "rollback",
                 .summary = "move back to the old database, then lead the route to the old API",
                 .changes = true},
                {.name = "guard",
                 .summary = "look after the pooler at --pooler (runs beside it until stopped)"},
                {.name = "status", .summary = "say where the service lives"}},
      .examples = {"route-switch plan", "route-switch switch --approved-plan SHA256",
                   "route-switch rollback", "route-switch status --output json"}};
  spec.options = {
      {.name = "pooler",
       .type = cli::OptionType::list,
       .value_name = "HOST:PORT",
       .help = "a pooler by its address, in place of the pods of pooler.name"},
      {.name = "pooler-user",
       .value_name = "USER",
       .help = "administrator of the poolers given by --pooler",
       .default_value = "crossover_admin"},
      {.name = "pooler-password", .help = "password of that administrator", .secret = true},
      {.name = "pooler-folder",
       .value_name = "FOLDER",
       .help = "where the poolers find old.ini and new.ini",
       .default_value = "/etc/pgbouncer"},
      {.name = "entry",
       .value_name = "NAME",
       .help = "the database name that the application asks the pooler for; databases.old.database "
               "where it is not given"},
      {.name = "pause-budget",
       .type = cli::OptionType::duration,
       .value_name = "DURATION",
       .help = "longest time from PAUSE to RESUME; over it the service stays where it was",
       .config_path = "switch.pauseBudget",
       .verbs = {"plan", "switch", "rollback"}},
      {.name = "database-only",
       .type = cli::OptionType::flag,
       .help = "leave the route alone",
       .verbs = {"plan", "switch", "rollback"}},
      {.name = "accept-loss",
       .type = cli::OptionType::flag,
       .help = "go back to the last drained point of the old database although the new one is lost",
       .verbs = {"rollback"}},
      {.name = "check",
       .type = cli::OptionType::flag,
       .help = "only say whether the pooler has been told where it leads (readiness probe)",
       .verbs = {"guard"}},
      {.name = "initial-side",
       .type = cli::OptionType::enumeration,
       .help = "where the service lives while neither database has a gate",
       .default_value = "unknown",
       .values = {"old", "new", "unknown"},
       .hidden = true}};
  return spec;
}

}  // namespace crossover::route_switch
