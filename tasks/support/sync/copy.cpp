#include "sync/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "base/error.h"
#include "base/stop_point.h"
#include "sync/copy_plan.h"
#include "sync/state.h"
#include "sync/table_copier.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

/// TID range scans: before them a range of pages costs a scan of the whole table.
constexpr int reads_page_ranges = 140000;

std::vector<std::pair<TableName, TableName>> read_references(Session& session) {
  const Rows rows = session.query(R"(
    SELECT DISTINCT n.nspname, c.relname, fn.nspname, fc.relname
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
    WHERE k.contype = 'f')");
  std::vector<std::pair<TableName, TableName>> references;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    references.push_back({{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))},
                          {std::string(rows.text(i, 2)), std::string(rows.text(i, 3))}});
  }
  return references;
}

/// A table with what it takes to copy it.
struct Piece {
  const SyncedTable* table;
  std::vector<RelationPages> relations;
  std::uint64_t pages = 0;
};

class Copy {
 public:
  Copy(const Databases& databases, Direction direction, const Secret& apply_token,
       std::string_view owner, const CopyOptions& options, const CopyContext& context)
      : options_(options), team_(context, owner, options.bytes_per_second) {
    for (unsigned i = 0; i < std::max(1U, options.workers); ++i) {
      copiers_.emplace_back(databases, direction, apply_token, team_);
    }
  }

  CopyReport run(const std::vector<SyncedTable>& tables) {
    const std::set<int> copied = copied_tables();
    if (copied.empty()) {
      truncate(tables);
    }
    std::vector<Piece> pieces;
    std::uint64_t rows = 0;
    for (const SyncedTable& table : tables) {
      if (!copied.contains(table.id)) {
        pieces.push_back(measure(table, rows));
      }
    }
    if (!pieces.empty()) {
      team_.context.progress.start(fmt::format("copy of {} tables", pieces.size()), rows, "rows");
      copy(std::move(pieces));
      team_.context.progress.finish();
    }
    return {team_.tables, team_.rows, team_.bytes};
  }

 private:
  std::set<int> copied_tables() {
    const Rows rows =
        copiers_[0].target().query("SELECT id FROM crossover.synced_table WHERE copied");
    std::set<int> ids;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ids.insert(static_cast<int>(rows.int64(i, 0)));
    }
    return ids;
  }

  void truncate(const std::vector<SyncedTable>& tables) {
    Session& target = copiers_[0].target();
    std::string list;
    for (const TableName& table : truncatable(tables, read_references(target))) {
      list += (list.empty() ? "" : ", ") + table.quoted();
    }
    if (list.empty()) {
      return;
    }
    Transaction transaction(target);
    require_owner(target, team_.owner);
    target.batch("TRUNCATE " + list);  // never CASCADE: what is not in the list must stay
    transaction.commit();
    stop_point("copy-truncated");
  }

  Piece measure(const SyncedTable& table, std::uint64_t& rows) {
    const Rows found = copiers_[0].source().query(
        "SELECT n.nspname, c.relname, pg_relation_size(c.oid) / "
        "current_setting('block_size')::int, greatest(c.reltuples, 0)::bigint "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND (c.oid = $1::regclass "
        "OR c.oid IN (SELECT relid FROM pg_partition_tree($1::regclass))) ORDER BY 1, 2",
        {table.table.quoted()});
    Piece piece{&table, {}, 0};
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto pages = static_cast<std::uint64_t>(found.int64(i, 2));
      piece.relations.push_back(
          {{std::string(found.text(i, 0)), std::string(found.text(i, 1))}, pages});
      piece.pages += pages;
      rows += static_cast<std::uint64_t>(found.int64(i, 3));
    }
    return piece;
  }

  bool by_ranges(const Piece& piece) {
    return copiers_.size() > 1 && piece.table->policy == Policy::replace &&
           piece.pages > options_.pages_per_range &&
           copiers_[0].source().server_version() >= reads_page_ranges;
  }

  // The largest first, so that no worker is left with one when all else is done.
  void copy(std::vector<Piece> pieces) {
    std::stable_sort(pieces.begin(), pieces.end(),
                     [](const Piece& a, const Piece& b) { return a.pages > b.pages; });
    const auto small = std::stable_partition(
        pieces.begin(), pieces.end(), [this](const Piece& piece) { return by_ranges(piece); });
    for (auto piece = pieces.begin(); piece != small; ++piece) {
      with_context(fmt::format("table {}", piece->table->table.text()),
                   [&] { copy_by_ranges(*piece); });
    }
    std::atomic<std::ptrdiff_t> next = small - pieces.begin();
    run_parallel(workers(), [&](unsigned worker, const GivenUp& given_up) {
      while (!given_up) {
        const std::ptrdiff_t index = next++;
        if (index >= std::ssize(pieces)) {
          return;
        }
        team_.context.stop.throw_if_requested();
        const SyncedTable& table = *pieces[static_cast<std::size_t>(index)].table;
        with_context(fmt::format("table {}", table.table.text()),
                     [&] { copiers_[worker].copy(table, given_up); });
      }
    });
  }

  // All workers read in the snapshot of the first, whose transaction stays open until the table is
  // marked.
  void copy_by_ranges(const Piece& piece) {
    const SyncedTable& table = *piece.table;
    TableCopier& first = copiers_[0];
    Transaction reading(first.source(), "ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const std::string snapshot = take_snapshot(first.source(), table);
    const Rows exported = first.source().query("SELECT pg_export_snapshot()");
    const std::string name(exported.text(0, 0));
    first.clear(table);
    const std::vector<PageRange> ranges = split(piece.relations, options_.pages_per_range);
    std::atomic<std::size_t> next{0};
    std::atomic<std::uint64_t> rows{0};
    run_parallel(workers(), [&](unsigned worker, const GivenUp& given_up) {
      while (!given_up) {
        const std::size_t index = next++;
        if (index >= ranges.size()) {
          return;
        }
        rows +=
            copiers_[worker].copy_range(table, ranges[index], worker == 0 ? "" : name, given_up);
      }
    });
    stop_point("copy-loaded");
    first.mark(table, rows, snapshot);
    reading.commit();
  }

  unsigned workers() const { return static_cast<unsigned>(copiers_.size()); }

  const CopyOptions& options_;
  CopyTeam team_;
  std::deque<TableCopier> copiers_;  // a session may not be moved while it is used
};

}  // namespace

CopyReport copy_tables(const Databases& databases, Direction direction,
                       const std::vector<SyncedTable>& tables, const Secret& apply_token,
                       std::string_view owner, const CopyOptions& options,
                       const CopyContext& context) {
  return Copy(databases, direction, apply_token, owner, options, context).run(tables);
}

void analyze_tables(const Database& target, const Secret& apply_token,
                    const std::vector<SyncedTable>& tables, const CopyContext& context) {
  Session session = open_apply_session(target, "analyze", apply_token);
  for (const SyncedTable& table : tables) {
    context.stop.throw_if_requested();
    session.batch(fmt::format("ANALYZE {}", table.table.quoted()));
  }
  const Rows views = session.query(
      "SELECT format('%I.%I', schemaname, matviewname) FROM pg_matviews WHERE ispopulated");
  for (std::size_t i = 0; i < views.size(); ++i) {
    session.batch(fmt::format("REFRESH MATERIALIZED VIEW {}", views.text(i, 0)));
  }
}

}  // namespace crossover::sync
