#pragma once

#include <string>

#include "base/error.h"
#include "cli/result.h"
#include "cli/surroundings.h"

namespace crossover::cli {

/// Writes what the engine that runs the task wants to know, where its variables say:
/// TEKTON_RESULTS_DIR (files `status`, `changed`, `plan-sha256`: far below the 4,096 bytes that
/// Tekton allows for all of a pod's), GITHUB_OUTPUT (the same names) and GITHUB_STEP_SUMMARY (a
/// page with tables and a timeline). Throws Error{failure} when one cannot be written.
void write_ci_outputs(const Result& result, const std::string& page,
                      const Surroundings& surroundings);

/// "::error title=TASK VERB::TEXT", the workflow command that shows an error on a run's page.
std::string github_annotation(const std::string& title, const std::string& text);

}  // namespace crossover::cli
