#pragma once

#include <string>

#include "base/log.h"
#include "cutover/fleet.h"
#include "cutover/switch.h"
#include "sync/database.h"

namespace crossover::cutover {

/// What the old database has of the new one: when it was drained into last (UTC, RFC 3339). Throws
/// Error{precondition} where that never happened or a copy to it has not ended, since then there is
/// nothing to go back to.
std::string last_drained_at(postgres::Session& old_session, const std::string& where);

/// Brings the service back to the old database at the point of the last drain, although the new one
/// is lost: what was written after that point is not in it. Needs no answer of the new database;
/// one that answers is closed first, and its capture log is kept in any case.
///
/// Records the decision in the old database, so that the guards carry on with it from there;
/// pauses the poolers (requests that hang on a dead server are cut off at the pause budget); opens
/// the old gate; retargets and resumes. Idempotent: `changed` is false when all that had been done.
/// Throws Error{precondition} when the service doesn't live on the new database, Error{locked}.
///
/// Stop points: abandon-recorded, abandon-closed, abandon-paused, abandon-opened.
SwitchReport abandon_new(const sync::Databases& databases, Fleet& fleet,
                         const SwitchOptions& options, const Clock& clock, Log& log);

}  // namespace crossover::cutover
