#pragma once

#include "cli/task.h"

namespace crossover::nsp_apply {

/// `prove --connect HOST:PORT`, what a probing pod runs: opens one TCP connection from here and
/// closes it. HOST is an address. Throws Error{timeout} `unable to connect to 'HOST:PORT': no
/// answer within 5 s` (exit code 6), Error{failure} with the system's cause (exit code 1).
void try_connection(cli::TaskContext& context);

}  // namespace crossover::nsp_apply
