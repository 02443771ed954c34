#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/stop.h"
#include "cutover/fleet.h"
#include "cutover/recovery.h"

namespace crossover::cutover {

struct GuardOptions {
  std::string migration;
  std::optional<Side> initial;  ///< where the service lives when neither side has a gate
  Duration poll = std::chrono::milliseconds(200);
  /// How long the cutover's lock must have been free before the guard acts.
  Duration lock_free = std::chrono::seconds(1);
  /// How often a pooler that runs is compared with the databases.
  Duration compare = std::chrono::seconds(2);
  Duration complain = std::chrono::seconds(5);  ///< between two lines about the same trouble
};

/// The process beside each pooler that brings the service back when a switch has died, and tells a
/// pooler that has just started where it leads. Nothing is ever done while a task holds the
/// cutover's lock, and nothing that the databases do not say.
class Guard {
 public:
  /// `fleet` is the one pooler that it looks after. All are borrowed but the fleet.
  Guard(const sync::Databases& databases, Fleet fleet, GuardOptions options, const Clock& clock,
        Log& log);
  ~Guard();

  /// One look, and what follows from it. Never throws: trouble is said in the log.
  void step();
  /// Steps until `stop`.
  void run(const StopRequest& stop);

 private:
  void look();
  void act();
  Duration until_next_look() const;
  void complain(const std::string& text);

  sync::Databases databases_;
  FactsReader facts_;
  Fleet fleet_;
  GuardOptions options_;
  const Clock& clock_;
  Log& log_;
  std::optional<Clock::Monotonic> free_since_;
  std::optional<Clock::Monotonic> compared_;
  std::optional<Clock::Monotonic> complained_;
  std::string complaint_;
};

}  // namespace crossover::cutover
