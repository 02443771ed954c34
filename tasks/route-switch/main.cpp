#include "cli/task.h"
#include "route-switch/apply.h"
#include "route-switch/options.h"

int main(int argc, char** argv) {
  return crossover::cli::run_task(argc, argv, crossover::route_switch::task_spec(),
                                  crossover::route_switch::run);
}
