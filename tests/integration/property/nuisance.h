#pragma once

#include <exception>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "integration/property/fault.h"
#include "integration/property/site.h"
#include "sync/synced_table.h"

namespace crossover::test::property {

/// A fault, at its moment of the step that runs meanwhile. Made and ended by the thread that began
/// the case, which does not look at the site between.
class Nuisance {
 public:
  /// `source` is where rows come from in that step.
  Nuisance(Site& site, const Fault& fault, sync::Side source,
           const std::vector<sync::SyncedTable>& tables);
  ~Nuisance();
  Nuisance(const Nuisance&) = delete;
  Nuisance& operator=(const Nuisance&) = delete;

  bool armed() const { return fault_.where != Fault::Where::nowhere; }
  /// Returns when the fault is over and all servers are there again. Throws what has kept it from
  /// being made.
  void wait();
  /// Whether that is what a step looks like that the fault has struck.
  bool explains(const Error& error) const;

 private:
  void strike(sync::Side side);
  void hold_lock(postgres::Session& session);

  Site& site_;
  Fault fault_;
  std::vector<sync::Side> sides_;
  std::string lock_sql_;
  std::set<sync::Side> stopped_;
  std::exception_ptr failure_;  ///< the thread's, to be read when that has ended
  std::thread thread_;
};

}  // namespace crossover::test::property
