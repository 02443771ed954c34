#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/task.h"
#include "cutover/crash_rule.h"
#include "route-switch/connections.h"

namespace crossover::route_switch {

/// What has to hold before a switch to the new database begins (DESIGN 6, step 1). A rollback has
/// no guards of this kind: it must not be held up by what only makes a switch safer.
///
/// Nothing is asked of a switch that has been done, and little of one that is being resumed: the
/// databases' gates then say what is so, and going on is the way out.
class Guards {
 public:
  /// Reads the facts of both databases. `with_routes`: the routes are led too.
  Guards(cli::TaskContext& context, Connections& connections, bool with_routes);

  /// Each guard's present state as a check of the result: a warning where it would refuse.
  void report();
  /// Waits for the poolers' Service (Error{timeout} after `switch.readyTimeout`), then throws what
  /// the first guard that does not hold says, an Error{precondition} with a hint.
  void require();

 private:
  struct Guard {
    std::string name;
    /// What it saw; throws where it does not hold.
    std::function<std::string()> look;
  };
  std::vector<Guard> list();
  std::string state();
  std::string verification();
  std::string lag();
  std::string transactions();
  std::string poolers();
  std::string pooler_pods();
  std::string pooler_scaling();
  void add_for_each_route(std::vector<Guard>& guards, const std::string& name,
                          std::string (Guards::*look)(const config::Route& route));
  std::string new_api(const config::Route& route);
  std::string callers(const config::Route& route);
  std::string side_effects();
  void list_clients();
  bool done() const;
  bool resumed() const;
  bool poolers_in_cluster() const;
  const config::Pooler& pooler() const;

  cli::TaskContext& context_;
  Connections& connections_;
  bool with_routes_;
  cutover::Facts facts_;
};

}  // namespace crossover::route_switch
