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
  /// The guard acts when the cutover's lock is free and no task has given a sign of life for so
  /// long: a stopped one loses the lock by that time, and need not be waited for twice.
  Duration silence = std::chrono::seconds(1);
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
  void note_task(const Facts& facts);
  void note_peace();
  Duration until_next_look() const;
  void complain(const std::string& text);

  sync::Databases databases_;
  FactsReader facts_;
  Fleet fleet_;
  GuardOptions options_;
  const Clock& clock_;
  Log& log_;
  std::optional<Clock::Monotonic> last_sign_;     ///< of the task that holds, or held, the lock
  std::optional<Clock::Monotonic> silent_since_;  ///< set while the lock is free
  std::optional<Clock::Monotonic> compared_;
  std::optional<Clock::Monotonic> complained_;
  std::string complaint_;
};

}  // namespace crossover::cutover
