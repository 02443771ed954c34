#include "sync/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/stop_point.h"
#include "sync/copy_pieces.h"
#include "sync/copy_plan.h"
#include "sync/split_table.h"
#include "sync/state.h"
#include "sync/table_copier.h"
#include "sync/truncation.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

/// TID range scans: before them a range of pages costs a scan of the whole table.
constexpr int reads_page_ranges = 140000;

/// 8 GiB, some minutes: the snapshot of a table that is read at once can't be renewed.
constexpr std::uint64_t most_pages_at_once = std::uint64_t{1} << 20U;

/// A table with what it takes to copy it.
struct Measured {
  const SyncedTable* table;
  std::vector<RelationPages> relations;
  std::uint64_t pages = 0;
};

/// How often it is looked whether others have done, or given back, what they are at.
constexpr std::chrono::milliseconds between_claims{50};

class Copy {
 public:
  Copy(const Databases& databases, Direction direction, const Secret& apply_token,
       std::string_view owner, const CopyOptions& options, const CopyContext& context)
      : source_(databases.at(source(direction))),
        options_(options),
        team_(context, owner, options.bytes_per_second) {
    for (unsigned i = 0; i < std::max(1U, options.workers); ++i) {
      copiers_.emplace_back(databases, direction, apply_token, team_);
    }
  }

  CopyReport run(const std::vector<SyncedTable>& tables) {
    const std::set<int> copied = copied_tables();
    if (copied.empty()) {
      TableCopier& copier = copiers_.front();
      truncate_targets(copier.target(), copier.side(), tables, team_.owner, team_.context.log);
      stop_point("copy-truncated");
    }
    std::vector<Measured> measured;
    std::uint64_t rows = 0;
    for (const SyncedTable& table : tables) {
      if (!copied.contains(table.id)) {
        measured.push_back(measure(table, rows));
      }
    }
    if (!measured.empty()) {
      team_.context.progress.start(fmt::format("copy of {} tables", measured.size()), rows, "rows");
      const std::uint64_t count = measured.size();
      publish_pieces(copiers_[0].target(), team_.owner, cut(std::move(measured)));
      stop_point("copy-published");
      copy(tables);
      team_.context.progress.finish();
      const CopySize size = copied_size(copiers_[0].target());
      return {count, size.rows, size.bytes};
    }
    return {};
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

  Measured measure(const SyncedTable& table, std::uint64_t& rows) {
    const Rows found = copiers_[0].source().query(
        "SELECT n.nspname, c.relname, pg_relation_size(c.oid) / "
        "current_setting('block_size')::int, greatest(c.reltuples, 0)::bigint "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND c.oid = ANY (ARRAY(SELECT $1::regclass "
        "UNION SELECT relid FROM pg_partition_tree($1::regclass))) ORDER BY 1, 2",
        {table.table.quoted()});
    Measured measured{&table, {}, 0};
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto pages = static_cast<std::uint64_t>(found.int64(i, 2));
      measured.relations.push_back(
          {{std::string(found.text(i, 0)), std::string(found.text(i, 1))}, pages});
      measured.pages += pages;
      rows += static_cast<std::uint64_t>(found.int64(i, 3));
    }
    return measured;
  }

  // Splitting costs something, so only that is split which one worker would still be at when the
  // others have done all else.
  std::vector<CopyPiece> cut(std::vector<Measured> tables) {
    std::stable_sort(tables.begin(), tables.end(),
                     [](const Measured& a, const Measured& b) { return a.pages > b.pages; });
    std::uint64_t pages = 0;
    for (const Measured& table : tables) {
      pages += table.pages;
    }
    const bool can_split = copiers_.front().source().server_version() >= reads_page_ranges;
    std::vector<CopyPiece> pieces;
    for (const Measured& measured : tables) {
      const SyncedTable& table = *measured.table;
      if (can_split && table.policy == Policy::replace && measured.pages > most_pages(pages)) {
        with_context(fmt::format("table {}", table.table.text()), [&] {
          const SplitTable& shared =
              splits_.emplace_back(source_, table, team_.context.clock, team_.context.log);
          copiers_.front().clear(table);
          for (PageRange& range : split(measured.relations, options_.pages_per_range)) {
            pieces.push_back(
                {.table_id = table.id, .range = std::move(range), .exported = shared.exported()});
          }
        });
      } else {
        pieces.push_back({.table_id = table.id});
      }
    }
    return pieces;
  }

  // Of a table that is not split, when all have `pages`.
  std::uint64_t most_pages(std::uint64_t pages) const {
    const std::uint64_t share = std::max(options_.pages_per_range, pages / workers());
    return options_.snapshot_limit == Duration() ? share : std::min(share, most_pages_at_once);
  }

  void copy(const std::vector<SyncedTable>& tables) {
    run_parallel(workers(), [&](unsigned worker, const GivenUp& given_up) {
      TableCopier& copier = copiers_[worker];
      while (!given_up) {
        team_.context.stop.throw_if_requested();
        const bool found = copier.copy_next(tables, given_up).has_value();
        look_after_split_tables(copier);
        if (found) {
          continue;
        }
        if (!pieces_left(copier.target())) {
          return;
        }
        team_.context.clock.sleep(between_claims);
      }
    });
    look_after_split_tables(copiers_[0]);
  }

  // Marks those whose last range is there, whoever has copied it.
  void look_after_split_tables(TableCopier& copier) {
    const std::lock_guard lock(splits_mutex_);
    for (SplitTable& split : splits_) {
      if (split.ended()) {
        continue;
      }
      if (!pieces_left(copier.target(), split.table().id)) {
        stop_point("copy-ranges-loaded");
        copier.mark(split.table(), copied_size(copier.target(), split.table().id).rows,
                    split.snapshot());
        split.end();
      } else if (options_.snapshot_limit != Duration()) {
        split.renew(copier.target(), team_.owner, options_.snapshot_limit);
      }
    }
  }

  unsigned workers() const { return static_cast<unsigned>(copiers_.size()); }

  const Database& source_;
  const CopyOptions& options_;
  CopyTeam team_;
  // Neither may be moved while it is used.
  std::deque<TableCopier> copiers_;
  std::mutex splits_mutex_;
  std::deque<SplitTable> splits_;
};

}  // namespace

CopyReport copy_tables(const Databases& databases, Direction direction,
                       const std::vector<SyncedTable>& tables, const Secret& apply_token,
                       std::string_view owner, const CopyOptions& options,
                       const CopyContext& context) {
  return Copy(databases, direction, apply_token, owner, options, context).run(tables);
}

namespace {

// A token that is another's by now means that the copy has ended, in the one way or the other.
bool copy_one(TableCopier& copier, const std::vector<SyncedTable>& tables,
              const GivenUp& given_up) {
  try {
    return copier.copy_next(tables, given_up).has_value();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::locked) {
      throw;
    }
    return false;
  }
}

}  // namespace

CopyReport join_copy(const Databases& databases, Direction direction,
                     const std::vector<SyncedTable>& tables, const Secret& apply_token,
                     std::string_view owner, const CopyOptions& options, const CopyContext& context,
                     const std::function<bool(postgres::Session&)>& led) {
  CopyTeam team(context, owner, options.bytes_per_second);
  run_parallel(std::max(1U, options.workers), [&](unsigned, const GivenUp& given_up) {
    TableCopier copier(databases, direction, apply_token, team);
    while (!given_up && led(copier.target()) && copy_one(copier, tables, given_up)) {
      context.stop.throw_if_requested();
    }
  });
  return {team.tables, team.rows, team.bytes};
}

void analyze_tables(const Database& target, const Secret& apply_token,
                    const std::vector<SyncedTable>& tables, const CopyContext& context) {
  Session session = open_apply_session(target, "analyze", apply_token);
  for (const SyncedTable& table : tables) {
    context.stop.throw_if_requested();
    session.batch(fmt::format("ANALYZE {}", table.table.quoted()));
  }
  session.batch("SET row_security = on");  // a view has what its owner may see
  const Rows views = session.query(
      // In the order of their making, since one may be a view of another.
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid");
  for (std::size_t i = 0; i < views.size(); ++i) {
    session.batch(fmt::format("REFRESH MATERIALIZED VIEW {}", views.text(i, 0)));
  }
}

}  // namespace crossover::sync
