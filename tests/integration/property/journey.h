#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "integration/property/fault.h"
#include "integration/property/site.h"
#include "integration/property/workload.h"

namespace crossover::test::property {

/// One step of a migration.
struct Step {
  enum class Kind {
    work,      ///< the writers do some transactions
    round,     ///< each of them gets through with all of its transactions; never drawn
    drain,     ///< and `often` more
    verify,    ///< our own comparison, under load
    purge,     ///< of what was carried
    hold,      ///< a transaction of the application begins and stays open
    settle,    ///< and ends
    reverse,   ///< capture on the new side
    move,      ///< the service goes to the other side
    change,    ///< of the live schema, which a drain refuses, and back again
    replica,   ///< a standby of the live side (of the other one: `often` 1) is left behind
    failover,  ///< and takes its primary's place
  };
  Kind kind = Kind::work;
  int often = 0;  ///< how many transactions, drains or whatever the kind says
  /// hold: writes at once; move: what a broken one has closed is opened again; failover: the
  /// application goes on before it is noticed.
  bool early = false;
  Fault fault{};
};

/// All that a case does, drawn beforehand, so that parts of it can be left out.
struct Case {
  std::uint64_t seed = 0;
  int old_version = 15;
  int new_version = 17;
  Schema schema;
  std::vector<Operation> fill;
  std::vector<Operation> kept;  ///< what skipped tables hold on the new side
  std::vector<std::vector<Work>> writers;
  Duration pause{};        ///< of each writer between two transactions
  std::vector<Work> held;  ///< the transactions of `hold` in turn
  std::vector<Step> before_install;
  std::vector<Step> before_copy;
  unsigned copy_workers = 1;
  std::uint64_t pages_per_range = 1;
  Fault install_fault;
  Fault copy_fault;
  std::vector<Step> steps;
  /// Whether the source is told after each drain how far the target has followed.
  bool marks = false;
  /// How far ahead sequences must be after a move. 0 where the application may call nextval()
  /// alone, which no gate stops: it uses up some of the margin.
  std::int64_t sequences_ahead = 0;

  /// For people: the schema and what is done.
  std::string text() const;
  /// Whether a fault for which `is` holds befalls it.
  bool has(const std::function<bool(const Fault&)>& is) const;
  /// Whether a server goes away under its clients.
  bool stops_servers() const;
};

std::string_view name(Step::Kind kind);

/// `versions` are those that the fixtures have.
Case draw_case(std::uint64_t seed, const std::vector<int>& versions);

struct Outcome {
  std::string failure;             ///< what went wrong, empty when nothing did
  std::uint64_t acknowledged = 0;  ///< counted transactions that were told to have been committed
  /// What it met that the case alone does not tell: the moments of faults and of open transactions.
  std::set<std::string> met{};
};

Outcome run_case(const Case& what, Servers& servers);

/// Leaves out whatever can be left out of a case that fails, as long as it fails.
Case shrink(Case failing, Servers& servers, int seconds);

}  // namespace crossover::test::property
