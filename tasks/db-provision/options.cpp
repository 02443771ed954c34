#include "db-provision/options.h"

#include "resources/render.h"

namespace crossover::db_provision {

cli::TaskSpec task_spec() {
  cli::TaskSpec spec{
      .name = "db-provision",
      .summary = "makes the new database, its pooler and the new API, and deletes them again",
      .description =
          "Applies, one after another and each only when the one before is ready: the new "
          "database, the pooler with its guard, Flyway, the new API, and the copy of it that "
          "endpoint checks are run on. Credentials are those of the existing Secret. A "
          "StatefulSet or a volume is never deleted by apply.",
      .verbs = {{.name = "apply",
                 .summary = "apply the objects in order and wait until they are ready",
                 .changes = true},
                {.name = "status", .summary = "say of each object whether it is ready, or why not"},
                {.name = "remove",
                 .summary = "delete everything that bears the temporary label",
                 .changes = true}},
      .examples = {"db-provision apply --dry-run", "db-provision status",
                   "db-provision apply --home --adopt-history", "db-provision remove --dry-run"}};
  spec.options = resources::render_options();
  const auto flag = [&](const char* name, const char* help, const char* verb) {
    spec.options.push_back(
        {.name = name, .type = cli::OptionType::flag, .help = help, .verbs = {verb}});
  };
  flag("home", "the sources of provision.homeDatabase and homeApi instead of the new set", "apply");
  flag("adopt-history",
       "copy Flyway's history into the old database and have 'flyway validate' pass there, before "
       "anything else of --home",
       "apply");
  flag("stay", "take the pooler and the temporary label off the new set", "apply");
  flag("force-conflicts", "take fields that another field manager owns", "apply");
  flag("delete-volumes", "delete the volumes too, whatever cleanup.keepVolumes says", "remove");
  return spec;
}

}  // namespace crossover::db_provision
