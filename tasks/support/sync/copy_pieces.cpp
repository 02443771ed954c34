#include "sync/copy_pieces.h"

#include "sync/array.h"
#include "sync/state.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

/// The columns of many pieces, for unnest().
class PieceColumns {
 public:
  explicit PieceColumns(const std::vector<CopyPiece>& pieces) {
    for (const CopyPiece& piece : pieces) {
      add(piece);
    }
  }
  std::vector<postgres::Param> take() {
    return {tables_.take(), schemas_.take(), relations_.take(),
            firsts_.take(), ends_.take(),    exported_.take()};
  }

 private:
  void add(const CopyPiece& piece) {
    tables_.add(std::to_string(piece.table_id));
    exported_.add(piece.exported);
    if (!piece.range) {
      schemas_.add_null();
      relations_.add_null();
      firsts_.add_null();
      ends_.add_null();
      return;
    }
    schemas_.add(piece.range->relation.schema);
    relations_.add(piece.range->relation.name);
    firsts_.add(std::to_string(piece.range->first));
    if (piece.range->end) {
      ends_.add(std::to_string(*piece.range->end));
    } else {
      ends_.add_null();
    }
  }

  TextArrayBuilder tables_;
  TextArrayBuilder schemas_;
  TextArrayBuilder relations_;
  TextArrayBuilder firsts_;
  TextArrayBuilder ends_;
  TextArrayBuilder exported_;
};

std::uint64_t number(const Rows& rows, std::size_t column) {
  return static_cast<std::uint64_t>(rows.int64(0, column));
}

}  // namespace

void publish_pieces(Session& target, std::string_view owner, const std::vector<CopyPiece>& pieces) {
  std::vector<postgres::Param> params = PieceColumns(pieces).take();
  params.emplace_back(std::string(owner));
  Transaction transaction(target);
  require_owner(target, owner);
  target.batch("DELETE FROM crossover.copy_piece");
  target.query(
      "INSERT INTO crossover.copy_piece (id, owner, table_id, relation_schema, relation_name, "
      "first_page, end_page, exported) SELECT n, $7, table_id, relation_schema, relation_name, "
      "first_page, end_page, exported FROM unnest($1::int[], $2::text[], $3::text[], "
      "$4::bigint[], $5::bigint[], $6::text[]) WITH ORDINALITY AS p (table_id, relation_schema, "
      "relation_name, first_page, end_page, exported, n)",
      params);
  transaction.commit();
}

bool pieces_published(Session& target, std::string_view owner) {
  return !target
              .query("SELECT FROM crossover.copy_piece WHERE owner = $1 LIMIT 1",
                     {std::string(owner)})
              .empty();
}

std::optional<CopyPiece> claim_piece(Session& target, std::string_view owner) {
  const Rows rows = target.query(
      "SELECT id, table_id, exported, relation_schema, relation_name, first_page, end_page, late "
      "FROM crossover.copy_piece WHERE owner = $1 AND NOT done ORDER BY id LIMIT 1 "
      "FOR UPDATE SKIP LOCKED",
      {std::string(owner)});
  if (rows.empty()) {
    return std::nullopt;
  }
  CopyPiece piece;
  piece.id = rows.int64(0, 0);
  piece.table_id = static_cast<int>(rows.int64(0, 1));
  piece.exported = rows.text(0, 2);
  piece.late = rows.boolean(0, 7);
  if (!rows.is_null(0, 3)) {
    PageRange& range = piece.range.emplace();
    range.relation = {std::string(rows.text(0, 3)), std::string(rows.text(0, 4))};
    range.first = number(rows, 5);
    if (!rows.is_null(0, 6)) {
      range.end = number(rows, 6);
    }
  }
  return piece;
}

void mark_done(Session& target, const CopyPiece& piece, const CopySize& size) {
  target.query(
      "UPDATE crossover.copy_piece SET done = true, copied_rows = $2::bigint, "
      "copied_bytes = $3::bigint WHERE id = $1::bigint",
      {std::to_string(piece.id), std::to_string(size.rows), std::to_string(size.bytes)});
}

bool pieces_left(Session& target) {
  return !target.query("SELECT FROM crossover.copy_piece WHERE NOT done LIMIT 1").empty();
}

bool pieces_left(Session& target, int table_id) {
  return !target
              .query(
                  "SELECT FROM crossover.copy_piece WHERE table_id = $1::int AND NOT done "
                  "LIMIT 1",
                  {std::to_string(table_id)})
              .empty();
}

bool pieces_left(Session& target, int table_id, std::string_view exported) {
  return !target
              .query(
                  "SELECT FROM crossover.copy_piece WHERE table_id = $1::int AND NOT done AND "
                  "exported = $2 LIMIT 1",
                  {std::to_string(table_id), std::string(exported)})
              .empty();
}

// One that somebody has claimed is locked, and so is among those that are not free.
PiecesHandedOver hand_over_pieces(Session& target, int table_id, std::string_view exported,
                                  bool late_ones_too) {
  const Rows rows = target.query(
      "WITH of_table AS (SELECT FROM crossover.copy_piece WHERE table_id = $1::int), "
      "free AS (SELECT id FROM crossover.copy_piece WHERE table_id = $1::int AND NOT done "
      "AND exported <> $2 FOR UPDATE SKIP LOCKED) "
      "UPDATE crossover.copy_piece p SET exported = $2, "
      "late = (SELECT count(*) FROM free) < (SELECT count(*) FROM of_table) "
      "FROM free WHERE p.id = free.id AND ($3::boolean OR "
      "(SELECT count(*) FROM free) = (SELECT count(*) FROM of_table)) RETURNING late",
      {std::to_string(table_id), std::string(exported), late_ones_too ? "true" : "false"});
  if (rows.empty()) {
    return PiecesHandedOver::none;
  }
  return rows.boolean(0, 0) ? PiecesHandedOver::some : PiecesHandedOver::all;
}

CopySize copied_size(Session& target) {
  const Rows rows = target.query(
      "SELECT coalesce(sum(copied_rows), 0)::bigint, coalesce(sum(copied_bytes), 0)::bigint "
      "FROM crossover.copy_piece");
  return {number(rows, 0), number(rows, 1)};
}

CopySize copied_size(Session& target, int table_id) {
  const Rows rows = target.query(
      "SELECT coalesce(sum(copied_rows), 0)::bigint, coalesce(sum(copied_bytes), 0)::bigint "
      "FROM crossover.copy_piece WHERE table_id = $1::int",
      {std::to_string(table_id)});
  return {number(rows, 0), number(rows, 1)};
}

bool pieces_listed(Session& target) {
  return !target.query("SELECT FROM crossover.copy_piece LIMIT 1").empty();
}

void forget_pieces(Session& target) {
  target.batch(
      "DELETE FROM crossover.copy_piece "
      "WHERE NOT EXISTS (SELECT FROM crossover.copy_piece WHERE NOT done)");
}

}  // namespace crossover::sync
