#include "backup-install/apply.h"
#include "backup-install/options.h"
#include "cli/task.h"

int main(int argc, char** argv) {
  return crossover::cli::run_task(argc, argv, crossover::backup_install::task_spec(),
                                  crossover::backup_install::run);
}
