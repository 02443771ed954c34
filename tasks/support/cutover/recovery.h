#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/log.h"
#include "cutover/crash_rule.h"
#include "cutover/fleet.h"
#include "sync/database.h"

namespace crossover::cutover {

/// Reads what both databases say, by sessions that it keeps, since a guard looks several times a
/// second. Not thread-safe.
class FactsReader {
 public:
  /// Borrows the databases.
  FactsReader(const sync::Databases& databases, std::string migration);
  /// What they say now. Never throws for a database that can't be reached: that is one of the
  /// facts. A session that has failed is replaced and asked again at once.
  Facts read();

 private:
  SideFacts read(Side side);
  sync::Databases databases_;
  std::string migration_;
  std::map<Side, postgres::Session> sessions_;
};

/// The same, once, by new sessions.
Facts read_facts(const sync::Databases& databases, const std::string& migration);

struct RecoveryOptions {
  std::string migration;
  std::optional<Side> initial;  ///< see crash_rule
  /// How long to wait for a former task's transaction that is still open in the move's target.
  Duration patience = std::chrono::seconds(2);
  /// For a guard's share of the databases' time; of the whole recovery's pooler commands.
  Duration command_timeout = std::chrono::seconds(2);
};

/// What a recovery came to.
struct Recovered {
  Verdict verdict;        ///< kind `wait`: nothing was done
  bool reopened = false;  ///< the source's gate was opened
};

/// Makes poolers and gates what the crash rule says, whatever a former task left behind. The caller
/// holds the cutover's lock on every database that can be reached, with `fleet` fenced by it.
///
/// Takes the owner token in the move's target first, which waits for an open or in-doubt final
/// transaction (sessions of a task that was stopped in it are ended), then in its source, whose
/// tables such a task may hold locked; reads the gates then, opens the source's gate where the rule
/// says so, ends other administrators of the poolers, retargets and resumes. Idempotent; several
/// guards may run it at once. Throws what stood in the way: the poolers are then as they were or
/// further on.
Recovered recover(const sync::Databases& databases, Fleet& fleet, const RecoveryOptions& options,
                  const Clock& clock, Log& log);

}  // namespace crossover::cutover
