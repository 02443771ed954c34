#include "data-sync/options.h"

namespace crossover::data_sync {
namespace {

std::vector<cli::VerbSpec> verbs() {
  return {
      {.name = "preflight", .summary = "say whether and how the data can be moved; reads only"},
      {.name = "start", .summary = "install capture and gates, then copy", .changes = true},
      {.name = "follow", .summary = "carry changes until stopped"},
      {.name = "verify", .summary = "compare all rows of both databases at one point"},
      {.name = "status", .summary = "say where the data stands; reads only"},
      {.name = "rehearse",
       .summary = "try the full endpoint checks, writes too, on a copy that is then dropped",
       .changes = true},
      {.name = "salvage",
       .summary = "list what was written to a new database that was given up; reads only"},
      {.name = "finish", .summary = "end the possibility of rolling back", .changes = true},
      {.name = "abort", .summary = "undo everything, before the switch", .changes = true},
      {.name = "remove", .summary = "take everything of ours off the databases", .changes = true}};
}

std::vector<cli::OptionSpec> options() {
  return {
      {.name = "watch",
       .type = cli::OptionType::duration,
       .value_name = "DURATION",
       .help = "how long to watch what the old database's clients do",
       .default_value = "2s",
       .verbs = {"preflight"}},
      {.name = "pooler-address",
       .type = cli::OptionType::list,
       .value_name = "ADDRESS",
       .help = "the IP address of a pooler whose sessions a switch takes along; default: the pods "
               "of 'pooler'",
       .verbs = {"preflight"}},
      {.name = "reverse",
       .type = cli::OptionType::flag,
       .help = "from the new database to the old one",
       .verbs = {"start", "follow", "verify"}},
      {.name = "join",
       .type = cli::OptionType::flag,
       .help = "help a start that is under way elsewhere to copy",
       .verbs = {"start"}},
      {.name = "until-caught-up",
       .type = cli::OptionType::flag,
       .help = "end when nothing is left to carry",
       .verbs = {"follow"}},
      {.name = "interval",
       .type = cli::OptionType::duration,
       .value_name = "DURATION",
       .help = "pause between two drains",
       .default_value = "200ms",
       .verbs = {"follow"}},
      {.name = "metrics-bind-address",
       .value_name = "HOST:PORT",
       .help = "serve Prometheus metrics there, at /metrics",
       .verbs = {"follow"}},
      {.name = "lock-timeout",
       .type = cli::OptionType::duration,
       .value_name = "DURATION",
       .help = "how long the application may queue behind one attempt at a lock",
       .config_path = "sync.lockTimeout",
       .verbs = {"start", "finish", "abort", "remove"}},
      {.name = "lock-budget",
       .type = cli::OptionType::duration,
       .value_name = "DURATION",
       .help = "how long to go on trying for one table",
       .config_path = "sync.lockBudget",
       .verbs = {"start", "finish", "abort", "remove"}},
      {.name = "evidence-file",
       .value_name = "FILE",
       .help = "where the evidence log is written before it is dropped",
       .verbs = {"abort", "remove"}},
      {.name = "salvage-file",
       .value_name = "FILE",
       .help = "where the lost writes are listed, a JSON object a line; a file that is there is "
               "kept, and the list gets a number; default: crossover-NAME-lost-writes.ndjson",
       .verbs = {"salvage"}},
      {.name = "forget-lost-writes",
       .type = cli::OptionType::flag,
       .help = "although what was written to a new database that was given up has not been "
               "listed",
       .verbs = {"finish", "abort", "remove"}},
      {.name = "side",
       .type = cli::OptionType::enumeration,
       .help = "which database to clean",
       .default_value = "both",
       .values = {"old", "new", "both"},
       .verbs = {"remove"}},
      {.name = "open-closed-side",
       .type = cli::OptionType::flag,
       .help =
           "take the gate off the database that the service has left, so that it can be written "
           "again",
       .verbs = {"remove"}}};
}

}  // namespace

cli::TaskSpec task_spec() {
  return {
      .name = "data-sync",
      .summary = "copies a live database to another one and keeps the two equal",
      .description =
          "Installs capture triggers on the live database, copies its tables, and carries what "
          "changes meanwhile until route-switch moves the service. The new database is closed for "
          "everybody else from the start. The same engine runs in reverse after the switch, so "
          "that rolling back loses nothing.",
      .verbs = verbs(),
      .options = options(),
      .examples = {"data-sync preflight", "data-sync start", "data-sync follow --until-caught-up",
                   "data-sync verify --output json", "data-sync rehearse --dry-run",
                   "data-sync start --reverse", "data-sync salvage"}};
}

}  // namespace crossover::data_sync
