#pragma once

#include "base/stop.h"

namespace crossover::cli {

/// Makes this process safe to hold secrets and to be ended: no core dumps and no ptrace by its own
/// user, SIGPIPE ignored (a closed stdout is an error that is reported), descriptors 0 to 2 taken
/// even where the caller closed them, so that no file is opened in their place.
void guard_process();

/// SIGTERM, SIGINT and SIGHUP set `stop` while this lives (afterwards they do nothing); one at a
/// time.
class StopSignals {
 public:
  explicit StopSignals(StopRequest& stop);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
};

/// Throws Error{failure} `unable to write 'standard output': CAUSE` where the result could not be
/// written at the end: closed, or on a file system that is full. Looked at before anything is
/// changed.
void check_standard_output();

}  // namespace crossover::cli
