#include "cli/task.h"
#include "nsp-apply/apply.h"
#include "nsp-apply/options.h"

int main(int argc, char** argv) {
  return crossover::cli::run_task(argc, argv, crossover::nsp_apply::task_spec(),
                                  crossover::nsp_apply::run);
}
