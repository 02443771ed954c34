#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "integration/property/journey.h"
#include "integration/property/writers.h"

namespace crossover::test::property {

/// The service of one case: its rows, its writers, and one more whose transactions stay open.
class Application {
 public:
  Application(const Case& what, Site& site);

  /// Fills the old side, and on the new one the tables that are skipped.
  void fill();
  /// Those that are skipped: "schema.table", unquoted.
  const std::vector<std::string>& skipped() const { return skipped_; }
  /// Which skipped table is not what it was on the new side; empty when none. Before the
  /// application has been there.
  std::string touched_skipped();

  Writers& writers() { return writers_; }
  /// Begins a transaction that stays open on `live`, and writes in it or in the one that is open.
  void hold(sync::Side live, bool writes);
  /// Ends it.
  void settle();
  /// What a step that runs now runs beside.
  std::string open_transaction() const;

  /// What differs between the sides, or from what was acknowledged; empty when nothing does.
  /// Nobody may be writing.
  std::string differences();
  /// Transactions that were counted and acknowledged until then.
  std::uint64_t acknowledged() const { return acknowledged_; }
  /// And until now. Nobody may be writing.
  std::uint64_t acknowledged_now();
  /// What a failover of the live side has taken from the application is not asked for any more.
  /// Says what is there that was never acknowledged; empty when nothing is.
  std::string forget_lost(sync::Side live);

 private:
  std::vector<Acknowledged> told();
  void write_held();

  const Case& case_;
  Site& site_;
  Writers writers_;
  Writer holder_;
  std::vector<std::string> skipped_;
  std::map<std::string, std::string> kept_;  ///< by the quoted name of a skipped table
  const Work* held_ = nullptr;
  bool has_written_ = false;
  std::size_t next_held_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace crossover::test::property
