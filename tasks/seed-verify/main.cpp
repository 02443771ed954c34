#include "cli/task.h"
#include "seed-verify/check.h"
#include "seed-verify/options.h"

int main(int argc, char** argv) {
  return crossover::cli::run_task(argc, argv, crossover::seed_verify::task_spec(),
                                  crossover::seed_verify::check);
}
