#include "cli/task.h"
#include "data-sync/apply.h"
#include "data-sync/options.h"

int main(int argc, char** argv) {
  return crossover::cli::run_task(argc, argv, crossover::data_sync::task_spec(),
                                  crossover::data_sync::run);
}
