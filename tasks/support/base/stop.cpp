#include "base/stop.h"

#include "base/error.h"

namespace crossover {

void StopRequest::throw_if_requested() const {
  if (requested()) {
    throw Error(ErrorKind::cancelled, "stopped on request", "run the same command again to go on");
  }
}

}  // namespace crossover
