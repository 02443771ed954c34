#include "backup-install/options.h"

#include "resources/render.h"

namespace crossover::backup_install {

cli::TaskSpec task_spec() {
  cli::TaskSpec spec{
      .name = "backup-install",
      .summary = "installs the backup of the new database, and checks what it makes",
      .description =
          "Applies the network rules and rights that the backup needs, installs its Helm release, "
          "and waits until it runs. `check` makes a backup, restores it into a scratch database "
          "and compares the two. `remove` uninstalls it and puts the rights back.",
      .verbs = {{.name = "apply",
                 .summary = "apply rules and rights, install or upgrade the release, wait for it",
                 .changes = true},
                {.name = "check",
                 .summary = "make a backup now, restore it into a scratch database and compare"},
                {.name = "status", .summary = "show the release and whether it runs"},
                {.name = "remove",
                 .summary = "uninstall the release, take its rules away, put the rights back",
                 .changes = true}},
      .examples = {"backup-install apply --dry-run", "backup-install check",
                   "backup-install apply --render --template backup-nsp.yaml -p NAMESPACE=app"}};
  spec.options = resources::render_options();
  spec.options.push_back({.name = "helm",
                          .value_name = "FILE",
                          .help = "the helm program, looked up in PATH where it has no slash",
                          .default_value = "helm"});
  spec.options.push_back({.name = "delete-volumes",
                          .type = cli::OptionType::flag,
                          .help = "delete the volume claims with the backups too",
                          .verbs = {"remove"}});
  spec.options.push_back({.name = "post-render",
                          .type = cli::OptionType::flag,
                          .help = "keep volume claims of the manifest on stdin (helm runs this)",
                          .verbs = {"status"},
                          .hidden = true,
                          .without_config = true});
  return spec;
}

}  // namespace crossover::backup_install
