#pragma once

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Forward: preflight, state, gates (the new side closed), capture, copy, first drains. Reverse:
/// capture on the new side, so that the switch can be undone without losing what comes after it; a
/// full copy home when the new side is live and nothing carries its changes yet. Idempotent; goes
/// on where a killed run stopped. With --join: helps the copy of a run that is under way elsewhere.
void start(Run& run);

/// Throws Error{precondition} while tables of `target` wait for their copy: what is carried to a
/// table without its rows is worth nothing. `start` that failed half-way must be run to its end
/// first.
void require_copied(postgres::Session& target, sync::Direction direction);

}  // namespace crossover::data_sync
