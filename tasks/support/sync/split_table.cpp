#include "sync/split_table.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/stop_point.h"
#include "postgres/sqlstate.h"
#include "sync/copy_pieces.h"
#include "sync/state.h"
#include "sync/table_copier.h"

namespace crossover::sync {
namespace {

using postgres::Session;
using postgres::Transaction;

Session open_patient(const Database& source, Duration patience) {
  Session session = source.open("copy");
  session.batch(
      fmt::format("SET lock_timeout = {}",
                  std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
  return session;
}

// Whether INSERT ... ON CONFLICT DO NOTHING takes all that the table may refuse.
bool takes_late_rows(Session& target, const SyncedTable& table) {
  return target
      .query(
          "SELECT NOT bool_or(c.relhasrules OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = "
          "c.oid AND NOT i.indimmediate)) FROM pg_class c WHERE c.oid = $1::regclass OR c.oid IN "
          "(SELECT relid FROM pg_partition_tree($1::regclass))",
          {table.table.quoted()})
      .boolean(0, 0);
}

}  // namespace

SplitTable::Kept::Kept(const Database& source, const SyncedTable& table, const Clock& clock,
                       Duration patience)
    : session(open_patient(source, patience)),
      reading(session, postgres::one_snapshot),
      since(clock.now()),
      snapshot(take_snapshot(session, table)),
      exported(session.query("SELECT pg_export_snapshot()").text(0, 0)) {}

SplitTable::SplitTable(const Database& source, const SyncedTable& table, const Clock& clock,
                       Log& log)
    : source_(source), table_(table), clock_(clock), log_(log) {
  snapshot_ = kept_.emplace_back(source, table, clock, Duration()).snapshot;
}

void SplitTable::renew(Session& target, std::string_view owner, Duration limit) {
  if (!stays_ && clock_.now() - kept_.back().since >= limit) {
    takes_late_ = takes_late_rows(target, table_);
    take_another();
  }
  if (kept_.size() > 1) {
    hand_over(target, owner);
  }
}

// Before an earlier one ends, so that no TRUNCATE comes in between. One that waits for that already
// would have us wait behind it for ever.
void SplitTable::take_another() {
  try {
    kept_.emplace_back(source_, table_, clock_, std::chrono::seconds(1));
  } catch (const Error& error) {
    if (!postgres::is_lock_conflict(error)) {
      throw;
    }
    log_.debug("{}: no new snapshot, as somebody waits for its lock", table_.table.text());
  }
}

void SplitTable::hand_over(Session& target, std::string_view owner) {
  Transaction writing(target);
  require_owner(target, owner);
  const PiecesHandedOver handed = hand_over_pieces(target, table_.id, exported(), takes_late_);
  writing.commit();
  if (handed == PiecesHandedOver::none && !takes_late_) {
    stays_ = true;
    kept_.pop_back();
    log_.warning(
        "{} has deferrable keys or rules: its copy holds back vacuum until all of it is there",
        table_.table.text());
    return;
  }
  if (handed == PiecesHandedOver::all) {
    snapshot_ = kept_.back().snapshot;
  }
  stop_point("copy-snapshot-renewed");
  const std::string& present = exported();
  kept_.remove_if([&](const Kept& kept) {
    return kept.exported != present && !pieces_left(target, table_.id, kept.exported);
  });
}

void SplitTable::end() {
  for (Kept& kept : kept_) {
    kept.reading.commit();
  }
  ended_ = true;
}

}  // namespace crossover::sync
