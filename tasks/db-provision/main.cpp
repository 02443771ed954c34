#include "cli/task.h"
#include "db-provision/options.h"
#include "db-provision/run.h"

int main(int argc, char** argv) {
  return crossover::cli::run_task(argc, argv, crossover::db_provision::task_spec(),
                                  crossover::db_provision::run);
}
