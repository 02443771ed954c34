#pragma once

#include <string>

#include "integration/property/random.h"

namespace crossover::test::property {

/// What befalls Crossover in the middle of a step.
struct Fault {
  enum class Where { nowhere, source, target, both };
  enum class What {
    terminated,  ///< the server ends our sessions
    cancelled,   ///< the server cancels what our sessions are doing
    cut,         ///< the network breaks our connections, which the server may learn late
    locked,      ///< somebody holds a lock on a table for a moment
    restarted,   ///< the server is restarted
    crashed,     ///< the server is killed and recovers
  };
  Where where = Where::nowhere;
  int after_microseconds = 0;
  What what = What::terminated;
  int number = 0;  ///< which table is locked, and how

  bool stops_servers() const {
    return where != Where::nowhere && (what == What::restarted || what == What::crashed);
  }
  /// "the source's sessions are terminated", or nothing.
  std::string text() const;
};

/// A fault in `percent` of all cases. A server does not crash where it would lose rows by itself:
/// those of `unlogged` tables.
Fault draw_fault(Random& random, int percent, int longest_microseconds, bool unlogged);

}  // namespace crossover::test::property
