#pragma once

#include <cstddef>
#include <vector>

#include "postgres/session.h"

namespace crossover::sync {

/// Runs statements in one round trip, `most` of them in a transaction each: what one locks stays
/// locked until its transaction ends, and a server has room for so many locks only (lock_space.h).
/// In a transaction that is open already they are a part of that. Returns one result each, in
/// order. After an error, which is thrown, nothing more runs; the transactions before it are
/// committed.
std::vector<postgres::Rows> run_in_groups(postgres::Session& session,
                                          std::vector<postgres::Statement> statements,
                                          std::size_t most);

}  // namespace crossover::sync
