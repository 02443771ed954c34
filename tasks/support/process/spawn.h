#pragma once

#include <sys/types.h>

#include "files/descriptor.h"
#include "process/command.h"

namespace crossover::process {

/// A child that runs, and our ends of its pipes.
struct Child {
  pid_t pid = -1;
  files::Descriptor in;
  files::Descriptor out;
  files::Descriptor err;
};

/// Starts a program in a process group of its own. Throws Error{failure} when it cannot.
Child spawn(const Command& command);

}  // namespace crossover::process
