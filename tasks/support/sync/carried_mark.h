#pragma once

#include <string>

#include "postgres/session.h"
#include "sync/database.h"

namespace crossover::sync {

/// How far the target had followed its source, written down in the source itself: a standby that
/// has the mark has all that `source` saw, since that was committed before, and hands out no
/// transaction id of it again. So after a failover the mark that is found there says of the log
/// what was certainly written before, and of the target's rows which of them were certainly carried
/// before anything was lost. A switch that makes the source live takes its mark off (gate.h).
struct CarriedMark {
  std::string source = nothing;  ///< the position's snapshot, of the source
  std::string target = nothing;  ///< the target's own when it had carried that

  /// A txid_snapshot in which nothing is visible.
  static constexpr const char* nothing = "1:1:";
};

/// Writes the mark; what was there is replaced. Returns false, and does nothing, while a table of
/// the target is not copied, or not drained since its copy. Both in no transaction. Each row that
/// the target has carried by now must be written out there before the mark may say so, which is
/// seen to.
bool write_carried_mark(postgres::Session& source, postgres::Session& target, Direction direction);

/// The mark as `source` has it. Nothing is known where there is none, and nothing of the target's
/// rows where that has failed over itself, or was copied or repaired after the mark. Asked before
/// the position moves to the source's new timeline. Both may be in a transaction.
CarriedMark read_carried_mark(postgres::Session& source, postgres::Session& target,
                              Direction direction);

}  // namespace crossover::sync
