#include "sync/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/stop_point.h"
#include "postgres/quote.h"
#include "sync/state.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

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

/// Keeps a stream below a number of bytes a second.
class Throttle {
 public:
  Throttle(const Clock& clock, std::uint64_t bytes_per_second)
      : clock_(clock), rate_(bytes_per_second), start_(clock.now()) {}
  void passed(std::size_t bytes) {
    sent_ += bytes;
    if (rate_ == 0) {
      return;
    }
    const auto due =
        std::chrono::duration<double>(static_cast<double>(sent_) / static_cast<double>(rate_));
    const auto ahead = due - (clock_.now() - start_);
    if (ahead > std::chrono::milliseconds(20)) {
      clock_.sleep(std::chrono::duration_cast<Duration>(ahead));
    }
  }

 private:
  const Clock& clock_;
  std::uint64_t rate_;
  Clock::Monotonic start_;
  std::uint64_t sent_ = 0;
};

class Copier {
 public:
  Copier(const Databases& databases, Direction direction, const Secret& apply_token,
         std::string_view owner, const CopyOptions& options, const CopyContext& context)
      : owner_(owner),
        context_(context),
        throttle_(context.clock, options.bytes_per_second),
        source_(databases.at(source(direction)).open("copy")),
        target_(open_apply_session(databases.at(target(direction)), "copy", apply_token)) {}

  std::set<int> copied() {
    const Rows rows = target_.query("SELECT id FROM crossover.synced_table WHERE copied");
    std::set<int> ids;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ids.insert(static_cast<int>(rows.int64(i, 0)));
    }
    return ids;
  }

  void truncate(const std::vector<SyncedTable>& tables) {
    std::string list;
    for (const TableName& table : truncatable(tables, read_references(target_))) {
      list += (list.empty() ? "" : ", ") + table.quoted();
    }
    if (list.empty()) {
      return;
    }
    Transaction transaction(target_);
    require_owner(target_, owner_);
    target_.batch("TRUNCATE " + list);  // never CASCADE: what is not in the list must stay
    transaction.commit();
    stop_point("copy-truncated");
  }

  std::uint64_t estimated_rows(const SyncedTable& table) {
    const Rows rows = source_.query(
        "SELECT greatest(sum(c.reltuples), 0)::bigint FROM pg_class c WHERE c.oid = $1::regclass "
        "OR c.oid IN (SELECT relid FROM pg_partition_tree($1::regclass) WHERE isleaf)",
        {table.table.quoted()});
    return static_cast<std::uint64_t>(rows.int64(0, 0));
  }

  void copy(const SyncedTable& table, CopyReport& report) {
    context_.progress.start(table.table.text(), estimated_rows(table), "rows");
    Transaction reading(source_, "ISOLATION LEVEL REPEATABLE READ READ ONLY");
    // The lock comes before the snapshot, so that no TRUNCATE or rewrite, which MVCC does not
    // protect from, lies between them (PostgreSQL manual 13.5 and LOCK).
    source_.batch(fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", table.table.quoted()));
    const Rows snapshot = source_.query("SELECT txid_current_snapshot()");
    Transaction writing(target_);
    require_owner(target_, owner_);
    const std::uint64_t rows =
        table.policy == Policy::merge ? merge(table, report) : replace(table, report);
    stop_point("copy-loaded");
    target_.query(
        "UPDATE crossover.synced_table SET copied = true, copied_rows = $2::bigint, "
        "start_snapshot = $3::txid_snapshot WHERE id = $1::int",
        {std::to_string(table.id), std::to_string(rows), std::string(snapshot.text(0, 0))});
    writing.commit();
    reading.commit();
    stop_point("copy-committed");
    context_.progress.finish();
    report.rows += rows;
    ++report.tables;
    context_.log.debug("{}: {} rows copied", table.table.text(), rows);
  }

 private:
  std::uint64_t replace(const SyncedTable& table, CopyReport& report) {
    target_.batch(delete_carried_sql(table));
    return pipe(table, copy_in_sql(table), report);
  }

  std::uint64_t merge(const SyncedTable& table, CopyReport& report) {
    const std::string rows = fmt::format("crossover_rows_{}", table.id);
    target_.batch(
        fmt::format("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
                    rows, column_list(table), table.table.quoted()));
    const std::uint64_t count = pipe(
        table, fmt::format("COPY pg_temp.{} ({}) FROM STDIN", rows, column_list(table)), report);
    target_.batch(fmt::format("ANALYZE pg_temp.{}", rows));
    std::string match;
    std::string key;
    for (const std::string& column : table.key) {
      const std::string quoted = postgres::quote_identifier(column);
      match += fmt::format("{}t.{} = r.{}", match.empty() ? "" : " AND ", quoted, quoted);
      key += fmt::format("{}{}::text", key.empty() ? "" : ", ", quoted);
    }
    target_.batch(fmt::format(
        "DELETE FROM {0} AS t USING pg_temp.{1} AS r WHERE {2};\n"
        "DELETE FROM crossover.kept_row WHERE table_id = {3};\n"
        "INSERT INTO crossover.kept_row (table_id, key) SELECT {3}, ARRAY[{4}] FROM {0};\n"
        "INSERT INTO {0} ({5}) OVERRIDING SYSTEM VALUE SELECT {5} FROM pg_temp.{1};",
        table.table.quoted(), rows, match, table.id, key, column_list(table)));
    return count;
  }

  std::uint64_t pipe(const SyncedTable& table, std::string in_sql, CopyReport& report) {
    std::string out_sql = copy_all_rows_sql(table);
    if (binary_safe(table)) {
      out_sql += " WITH (FORMAT binary)";
      in_sql += " WITH (FORMAT binary)";
    }
    postgres::CopyOut out = source_.copy_out(out_sql);
    postgres::CopyIn in = target_.copy_in(in_sql);
    std::uint64_t unreported = 0;
    for (std::string_view row; out.read(row);) {
      in.write(row);
      throttle_.passed(row.size());
      report.bytes += row.size();
      if (++unreported == 1000) {
        context_.stop.throw_if_requested();
        context_.progress.add(std::exchange(unreported, 0));
      }
    }
    context_.progress.add(unreported);
    return in.finish();
  }

  std::string owner_;
  const CopyContext& context_;
  Throttle throttle_;
  Session source_;
  Session target_;
};

bool binary_safe_type(const std::string& type) {
  static const std::set<std::string, std::less<>> safe = {"smallint",
                                                          "integer",
                                                          "bigint",
                                                          "boolean",
                                                          "real",
                                                          "double precision",
                                                          "numeric",
                                                          "text",
                                                          "character varying",
                                                          "character",
                                                          "bytea",
                                                          "uuid",
                                                          "date",
                                                          "time without time zone",
                                                          "timestamp without time zone",
                                                          "timestamp with time zone",
                                                          "interval",
                                                          "json",
                                                          "jsonb",
                                                          "inet"};
  std::string base = type;
  const auto open = base.find('(');
  if (open != std::string::npos) {
    const auto close = base.find(')', open);
    base.erase(open, close - open + 1);
  }
  return safe.contains(base);
}

}  // namespace

std::vector<TableName> truncatable(const std::vector<SyncedTable>& tables,
                                   const std::vector<std::pair<TableName, TableName>>& references) {
  std::set<TableName> set;
  std::set<TableName> all;
  for (const SyncedTable& table : tables) {
    if (table.policy == Policy::replace) {
      set.insert(table.table);
      all.insert(table.relations.begin(), table.relations.end());
    }
  }
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    for (const auto& [referencing, referenced] : references) {
      if (!all.contains(referencing) && set.erase(referenced) > 0) {
        all.erase(referenced);
        shrunk = true;
      }
    }
  }
  return {set.begin(), set.end()};
}

bool binary_safe(const SyncedTable& table) {
  return std::all_of(table.types.begin(), table.types.end(), binary_safe_type);
}

CopyReport copy_tables(const Databases& databases, Direction direction,
                       const std::vector<SyncedTable>& tables, const Secret& apply_token,
                       std::string_view owner, const CopyOptions& options,
                       const CopyContext& context) {
  Copier copier(databases, direction, apply_token, owner, options, context);
  const std::set<int> copied = copier.copied();
  if (copied.empty()) {
    copier.truncate(tables);
  }
  CopyReport report;
  for (const SyncedTable& table : tables) {
    if (!copied.contains(table.id)) {
      context.stop.throw_if_requested();
      with_context(fmt::format("table {}", table.table.text()),
                   [&] { copier.copy(table, report); });
    }
  }
  return report;
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
