#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/copy_plan.h"

namespace crossover::sync {

/// The table of claims: crossover.copy_piece of the target, where the run that copies lists what is
/// to be done, so that its workers and those of processes that have joined it share the work. Who
/// claims a piece holds the lock of its row until the transaction of its rows ends: a process that
/// is lost gives back what it was at, and nothing else.

/// What one worker does in one transaction: a table, or a range of a split one.
struct CopyPiece {
  std::int64_t id = 0;  ///< their order; publish_pieces gives it
  int table_id = 0;
  std::optional<PageRange> range{};  ///< none: the table as a whole
  std::string exported{};            ///< of a range: the snapshot that it is read in
  bool late = false;                 ///< others of its table were read in an earlier one
};

/// How far the pieces of a table that nobody is at are those of another snapshot now.
enum class PiecesHandedOver {
  none,  ///< there were none
  some,  ///< others are done, or somebody is at them: these are late
  all,   ///< nothing of the table is there yet
};

struct CopySize {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

/// In one transaction, fenced by `owner`, whose pieces they are: lists them in the place of
/// whatever another copy has left. Throws Error{locked} when it is not the owner any more.
void publish_pieces(postgres::Session& target, std::string_view owner,
                    const std::vector<CopyPiece>& pieces);

/// Whether `owner` has listed what is to be copied.
bool pieces_published(postgres::Session& target, std::string_view owner);

/// Inside a transaction: the first piece of `owner` that is neither done nor claimed, claimed;
/// nothing where there is none. It is free again unless this transaction commits `mark_done`.
std::optional<CopyPiece> claim_piece(postgres::Session& target, std::string_view owner);

/// In the transaction that has claimed it and written its rows.
void mark_done(postgres::Session& target, const CopyPiece& piece, const CopySize& size);

/// Whether there are pieces that are not done, claimed ones too; the second: of one table.
bool pieces_left(postgres::Session& target);
bool pieces_left(postgres::Session& target, int table_id);
/// The same of those that are read in one snapshot.
bool pieces_left(postgres::Session& target, int table_id, std::string_view exported);

/// Has the pieces of a table that are neither done nor claimed read in `exported`; unless
/// `late_ones_too` only if that is all of them. Inside a transaction, in which nobody claims them.
PiecesHandedOver hand_over_pieces(postgres::Session& target, int table_id,
                                  std::string_view exported, bool late_ones_too);

/// What is done; the second: of one table.
CopySize copied_size(postgres::Session& target);
CopySize copied_size(postgres::Session& target, int table_id);

/// Whether any are listed, done ones too: the statistics of the target are those from before the
/// copy then.
bool pieces_listed(postgres::Session& target);

/// When all are done, and `analyze_tables` is: none is listed any more, whichever run has listed
/// it.
void forget_pieces(postgres::Session& target);

}  // namespace crossover::sync
