#include "data-sync/rehearsal_copy.h"

#include <fmt/format.h>

#include <limits>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/schema_dump.h"
#include "sync/compare.h"
#include "sync/copy.h"
#include "sync/selection.h"
#include "sync/sequences.h"

namespace crossover::data_sync {
namespace {

using postgres::Rows;
using postgres::Session;
using sync::Direction;
using sync::Side;

class Copy {
 public:
  Copy(const Run& run, const sync::Database& rehearsal)
      : run_(run), rehearsal_(rehearsal), new_db_(run.at(Side::new_side)) {}

  std::vector<sync::SyncedTable> run() {
    const cli::TaskContext& context = run_.context();
    context.phase("rehearsal_schema", [&] { make_schema(); });
    stop_point("rehearse-schema");
    read_structure();
    context.phase("rehearsal_copy", [&] { copy_rows(); });
    stop_point("rehearse-copied");
    set_sequences();
    stop_point("rehearse-sequences");
    refresh_views();
    stop_point("rehearse-views");
    drop_state();
    return tables_;
  }

 private:
  // Gates and capture of the new database come with its schema and go with ours. A cascade, since
  // nobody lives here.
  void make_schema() {
    const std::string schema = dump_schema(run_);
    Session session = rehearsal_.open("rehearse");
    session.batch(schema + "\nDROP SCHEMA IF EXISTS crossover CASCADE;");
  }

  static std::vector<std::string> schemas(Session& session) {
    const Rows rows = session.query(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' "
        "AND nspname NOT IN ('information_schema', 'crossover') ORDER BY 1");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      names.emplace_back(rows.text(i, 0));
    }
    return names;
  }

  // All tables, also those that the migration skips: Flyway's history among them.
  void read_structure() {
    Session source = new_db_.open("rehearse");
    Session target = rehearsal_.open("rehearse");
    const std::vector<std::string> names = schemas(source);
    const sync::Catalogue original = sync::read_catalogue(source, names);
    config::Sync settings;
    settings.schemas = names;
    settings.keyless_limit = std::numeric_limits<std::int64_t>::max();
    sync::Findings findings;
    tables_ = sync::select_tables(original, settings, {}, findings);
    refuse(findings);
    refuse(sync::compare_structure(original, sync::read_catalogue(target, names), tables_));
  }

  static void refuse(const sync::Findings& findings) {
    for (const sync::Finding& finding : findings) {
      if (finding.level == sync::Finding::Level::error) {
        throw Error(ErrorKind::precondition,
                    fmt::format("unable to copy the new database for a rehearsal: {} {}",
                                finding.object, finding.text));
      }
    }
  }

  void copy_rows() {
    const cli::TaskContext& context = run_.context();
    const Secret token{sync::new_token()};
    const std::string owner = sync::new_token();
    Session target = rehearsal_.open("rehearse");
    sync::install_state(target, run_.config().name, Side::new_side, token);
    sync::record_tables(target, tables_, run_.config().sync.schemas);
    sync::take_owner(target, owner);
    stop_point("rehearse-state");
    const sync::CopyContext surroundings{context.clock(), context.stop(), context.log(),
                                         context.progress()};
    const sync::CopyReport report =
        sync::copy_tables({new_db_, rehearsal_}, Direction::forward, tables_, token, owner,
                          {.bytes_per_second = run_.config().sync.throttle,
                           .workers = static_cast<unsigned>(run_.config().sync.workers)},
                          surroundings);
    context.result().set_metric("rows_copied", static_cast<std::int64_t>(report.rows));
    context.result().set_metric("bytes_copied", static_cast<std::int64_t>(report.bytes));
    sync::analyze_tables(rehearsal_, token, tables_, surroundings);
  }

  // The new database's own stand where Flyway left them until the switch.
  void set_sequences() {
    Session target = rehearsal_.open("rehearse");
    for (const Side side : {Side::new_side, Side::old_side}) {
      Session source = run_.at(side).open("rehearse");
      const sync::SequencePairs pairs(source, target);
      pairs.advance(target, pairs.source_values(source), pairs.target_values(target),
                    run_.config().sync.sequence_margin);
    }
  }

  // In the order in which they were made: one may read another.
  void refresh_views() {
    Session source = new_db_.open("rehearse");
    Session target = rehearsal_.open("rehearse");
    const Rows views = source.query(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid");
    for (std::size_t i = 0; i < views.size(); ++i) {
      target.batch(fmt::format("REFRESH MATERIALIZED VIEW {}", views.text(i, 0)));
    }
  }

  void drop_state() {
    Session session = rehearsal_.open("rehearse");
    sync::drop_state(session);
  }

  const Run& run_;
  const sync::Database& rehearsal_;
  const sync::Database& new_db_;
  std::vector<sync::SyncedTable> tables_;
};

}  // namespace

std::vector<sync::SyncedTable> copy_for_rehearsal(const Run& run, const sync::Database& rehearsal) {
  return Copy(run, rehearsal).run();
}

}  // namespace crossover::data_sync
