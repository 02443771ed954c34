#pragma once

#include "cli/task_spec.h"

namespace crossover::data_sync {

/// Verbs and options of data-sync, declared once.
cli::TaskSpec task_spec();

}  // namespace crossover::data_sync
