#include "sync/table_copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/stop_point.h"
#include "postgres/quote.h"
#include "sync/gate.h"
#include "sync/position.h"
#include "sync/state.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Transaction;

constexpr std::uint64_t rows_between_looks = 1000;
constexpr std::uint64_t bytes_between_looks = std::uint64_t{64} << 10U;

// A target that stands still for a while (a checkpoint, a disk that has used up its credit) makes
// us stand still, and so the source: neither is lost yet.
constexpr std::chrono::seconds standstill{60};

const SyncedTable& table_of(const CopyPiece& piece, const std::vector<SyncedTable>& tables) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const SyncedTable& table) {
    return table.id == piece.table_id;
  });
  if (found == tables.end()) {
    throw std::logic_error("a piece of a copy is of no table of the migration");
  }
  return *found;
}

std::string copy_rows_sql(const std::string& rows, const SyncedTable& table) {
  return fmt::format("COPY pg_temp.{} ({}) FROM STDIN", rows, column_list(table));
}

}  // namespace

void Throttle::passed(std::size_t bytes) {
  const std::uint64_t sent = sent_ += bytes;
  if (rate_ == 0) {
    return;
  }
  const auto due =
      std::chrono::duration<double>(static_cast<double>(sent) / static_cast<double>(rate_));
  const auto ahead = due - (clock_.now() - start_);
  if (ahead > std::chrono::milliseconds(20)) {
    clock_.sleep(std::chrono::duration_cast<Duration>(ahead));
  }
}

std::string take_snapshot(postgres::Session& source, const SyncedTable& table) {
  source.batch(fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", table.only()));
  return std::string(source.query("SELECT txid_current_snapshot()").text(0, 0));
}

TableCopier::TableCopier(const Databases& databases, Direction direction, const Secret& apply_token,
                         CopyTeam& team)
    : team_(team),
      side_(sync::target(direction)),
      source_(databases.at(sync::source(direction)).open("copy")),
      target_(open_apply_session(databases.at(sync::target(direction)), "copy", apply_token)) {
  source_.batch(fmt::format("SET tcp_user_timeout = '{}s'", standstill.count()));
}

std::optional<CopyPiece> TableCopier::copy_next(const std::vector<SyncedTable>& tables,
                                                const GivenUp& given_up) {
  Transaction writing(target_);
  require_owner(target_, team_.owner);
  std::optional<CopyPiece> piece = claim_piece(target_, team_.owner);
  if (!piece) {
    return piece;
  }
  stop_point("copy-claimed");
  const SyncedTable& table = table_of(*piece, tables);
  with_context(fmt::format("table {}", table.table.text()), [&] {
    if (piece->range) {
      copy_range(table, *piece, writing, given_up);
    } else {
      copy_table(table, *piece, writing, given_up);
    }
  });
  return piece;
}

void TableCopier::copy_table(const SyncedTable& table, const CopyPiece& piece, Transaction& writing,
                             const GivenUp& given_up) {
  Transaction reading(source_, postgres::one_snapshot);
  const std::string snapshot = take_snapshot(source_, table);
  const CopySize size =
      table.policy == Policy::merge ? merge(table, given_up) : replace(table, given_up);
  require_not_live(target_, side_, table);
  stop_point("copy-loaded");
  mark_done(target_, piece, size);
  record(table, size.rows, snapshot);
  reading.commit();
  flush_wal(source_);
  writing.commit();
  stop_point("copy-committed");
  team_.rows += size.rows;
}

void TableCopier::clear(const SyncedTable& table) {
  Transaction writing(target_);
  require_owner(target_, team_.owner);
  target_.batch(delete_carried_sql(table));
  require_not_live(target_, side_, table);
  writing.commit();
}

void TableCopier::copy_range(const SyncedTable& table, const CopyPiece& piece, Transaction& writing,
                             const GivenUp& given_up) {
  Transaction reading(source_, postgres::one_snapshot);
  source_.batch(
      fmt::format("SET TRANSACTION SNAPSHOT {}", postgres::quote_literal(piece.exported)));
  const CopySize size =
      piece.late ? add_late(table, *piece.range, given_up)
                 : pipe(table, copy_range_sql(table, *piece.range), copy_in_sql(table), given_up);
  require_not_live(target_, side_, table);
  stop_point("copy-range-loaded");
  mark_done(target_, piece, size);
  writing.commit();
  stop_point("copy-range-committed");
  reading.commit();
  team_.rows += size.rows;
}

void TableCopier::mark(const SyncedTable& table, std::uint64_t rows, const std::string& snapshot) {
  Transaction writing(target_);
  require_owner(target_, team_.owner);
  record(table, rows, snapshot);
  flush_wal(source_);
  writing.commit();
  stop_point("copy-marked");
}

void TableCopier::record(const SyncedTable& table, std::uint64_t rows,
                         const std::string& snapshot) {
  target_.query(
      "UPDATE crossover.synced_table SET copied = true, copied_rows = $2::bigint, "
      "start_snapshot = $3::txid_snapshot WHERE id = $1::int",
      {std::to_string(table.id), std::to_string(rows), snapshot});
  ++team_.tables;
  team_.context.log.debug("{}: {} rows copied", table.table.text(), rows);
}

CopySize TableCopier::replace(const SyncedTable& table, const GivenUp& given_up) {
  target_.batch(delete_carried_sql(table));
  return pipe(table, copy_all_rows_sql(table), copy_in_sql(table), given_up);
}

// A row that is refused has changed since an earlier snapshot, or that which stands in its way has:
// both are logged, so the first drain brings what is right.
CopySize TableCopier::add_late(const SyncedTable& table, const PageRange& range,
                               const GivenUp& given_up) {
  const std::string rows = create_rows_table(table);
  CopySize size = pipe(table, copy_range_sql(table, range), copy_rows_sql(rows, table), given_up);
  size.rows = target_
                  .query(fmt::format("INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE "
                                     "SELECT {1} FROM pg_temp.{2} ON CONFLICT DO NOTHING",
                                     table.table.quoted(), column_list(table), rows))
                  .affected();
  return size;
}

std::string TableCopier::create_rows_table(const SyncedTable& table) {
  std::string rows = fmt::format("crossover_rows_{}", table.id);
  target_.batch(
      fmt::format("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
                  rows, column_list(table), table.table.quoted()));
  return rows;
}

CopySize TableCopier::merge(const SyncedTable& table, const GivenUp& given_up) {
  if (copied_before(table)) {
    target_.batch(delete_carried_sql(table));  // else they would pass for the target's own
  }
  const std::string rows = create_rows_table(table);
  const CopySize size = pipe(table, copy_all_rows_sql(table), copy_rows_sql(rows, table), given_up);
  target_.batch(fmt::format("ANALYZE pg_temp.{}", rows));
  std::string match;
  std::string key;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::string quoted = postgres::quote_identifier(table.key[i]);
    match += fmt::format("{}t.{} {} r.{}", match.empty() ? "" : " AND ", quoted,
                         table.key_types.at(i).equals, quoted);
    key += fmt::format("{}{}::text", key.empty() ? "" : ", ", quoted);
  }
  target_.batch(fmt::format(
      "DELETE FROM {6} AS t USING pg_temp.{1} AS r WHERE {2};\n"
      "DELETE FROM crossover.kept_row WHERE table_id = {3};\n"
      "INSERT INTO crossover.kept_row (table_id, key) SELECT {3}, ARRAY[{4}] FROM {6};\n"
      "INSERT INTO {0} ({5}) OVERRIDING SYSTEM VALUE SELECT {5} FROM pg_temp.{1};",
      table.table.quoted(), rows, match, table.id, key, column_list(table), table.only()));
  return size;
}

bool TableCopier::copied_before(const SyncedTable& table) {
  return target_
      .query("SELECT copied_rows IS NOT NULL FROM crossover.synced_table WHERE id = $1::int",
             {std::to_string(table.id)})
      .boolean(0, 0);
}

CopySize TableCopier::pipe(const SyncedTable& table, std::string out_sql, std::string in_sql,
                           const GivenUp& given_up) {
  if (binary_safe(table)) {
    out_sql += " WITH (FORMAT binary)";
    in_sql += " WITH (FORMAT binary)";
  }
  postgres::CopyOut out = source_.copy_out(out_sql);
  postgres::CopyIn in = target_.copy_in(in_sql, standstill);
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  CopySize size;
  const auto report = [&] {
    team_.context.progress.add(std::exchange(rows, 0));
    team_.throttle.passed(bytes);
    size.bytes += std::exchange(bytes, 0);
  };
  for (std::string_view row; out.read(row);) {
    in.write(row);
    bytes += row.size();
    if (++rows == rows_between_looks || bytes >= bytes_between_looks) {
      team_.context.stop.throw_if_requested();
      if (given_up) {
        throw Error(ErrorKind::cancelled, "given up: another worker of the copy has failed");
      }
      report();
    }
  }
  report();
  team_.bytes += size.bytes;
  size.rows = in.finish();
  return size;
}

}  // namespace crossover::sync
