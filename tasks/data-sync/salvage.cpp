#include "data-sync/salvage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stop_point.h"
#include "files/files.h"
#include "postgres/sqlstate.h"
#include "sync/salvage.h"

namespace crossover::data_sync {
namespace {

using sync::LostOperation;
using sync::LostWrite;
using sync::Side;

constexpr std::size_t most_listed = 20;
constexpr mode_t readable_by_owner = 0600;  // rows are the users' data

std::string_view or_null(const std::optional<std::string_view>& text) {
  return text.value_or("null");
}

// "yes", "no" or "not known".
std::string_view word(const std::optional<bool>& known) {
  return !known ? "not known" : *known ? "yes" : "no";
}

class List {
 public:
  explicit List(const std::string& file) : file_(file, readable_by_owner) {}

  void add(const LostWrite& write) {
    file_.write(fmt::format(R"({{"table":{},"operation":"{}","key":{},"old_row":)",
                            nlohmann::json(write.table->table.text()).dump(),
                            sync::name(write.operation), or_null(write.key)));
    write_in_a_line(or_null(write.old_row));
    file_.write(R"(,"new_row":)");
    write_in_a_line(or_null(write.new_row));
    file_.write(
        fmt::format(",\"written_since\":{}}}\n",
                    write.written_since ? (*write.written_since ? "true" : "false") : "null"));
    ++counts_[write.operation];
    if (table_.rows.size() < most_listed) {
      table_.rows.push_back({write.table->table.text(), std::string(sync::name(write.operation)),
                             std::string(write.key.value_or("")),
                             std::string(word(write.written_since))});
    }
  }

  /// Returns where it is: a list that is there already may be all that is left of what it says.
  std::string finish(cli::Result& result) {
    std::string place = file_.commit_beside().string();
    for (const LostOperation operation : {LostOperation::insert, LostOperation::update,
                                          LostOperation::remove, LostOperation::truncate}) {
      result.set_metric(fmt::format("lost_{}s", sync::name(operation)), counts_[operation]);
    }
    if (!table_.rows.empty()) {
      result.add_table(std::move(table_));
    }
    return place;
  }

 private:
  // The server's own JSON is taken over as it is: a numeric has more digits than a double. A column
  // of type json keeps its line feeds, which are no part of any value, and the line must stay one.
  void write_in_a_line(std::string_view row) {
    for (std::size_t end = 0; (end = row.find_first_of("\r\n")) != std::string_view::npos;) {
      file_.write(row.substr(0, end));
      file_.write(" ");
      row.remove_prefix(end + 1);
    }
    file_.write(row);
  }

  files::AtomicFile file_;
  std::map<LostOperation, std::int64_t> counts_;
  cli::Table table_{.title = "Writes to the new database that the old one does not have",
                    .columns = {"table", "operation", "key", "written in the old one since"},
                    .rows = {}};
};

void report(const Run& run, const sync::Salvage& found, const std::string& file) {
  cli::Result& result = run.context().result();
  result.set_metric("lost_conflicts", static_cast<std::int64_t>(found.conflicts));
  result.set_report("file", file);
  result.add_check("lost writes", cli::CheckOutcome::pass,
                   fmt::format("{} are in '{}'", found.writes, file));
  if (found.failed_over) {
    result.add_check("new database", cli::CheckOutcome::warn,
                     "it has failed over, or was restored, since: what it lost of its own commits "
                     "can't be listed, and as these may be carried ones, a row that is listed may "
                     "be older than that of the old database");
  }
  if (!found.altered.empty()) {
    result.add_check("columns", cli::CheckOutcome::warn,
                     fmt::format("both databases have other columns of {}: compared is what both "
                                 "have, and where the new one has more, every row that was written "
                                 "to is listed",
                                 fmt::join(found.altered, ", ")));
  }
  if (!found.unsearched.empty()) {
    result.add_check("tables", cli::CheckOutcome::warn,
                     fmt::format("one of both databases has no {} any more, or not its key: what "
                                 "was written there is not listed",
                                 fmt::join(found.unsearched, ", ")));
  }
  if (!found.later_writes_known) {
    result.add_check("old database", cli::CheckOutcome::warn,
                     "capture was taken off it, or it has failed over, so which of these rows it "
                     "has been told anew since is not known");
  } else if (found.conflicts > 0) {
    result.add_check("old database", cli::CheckOutcome::warn,
                     fmt::format("it has been written since under the keys of {} of them: decide "
                                 "which of both rows stays",
                                 found.conflicts));
  }
}

}  // namespace

void salvage(Run& run) {
  std::string file = run.context().options().text("salvage-file");
  if (file.empty()) {
    file = fmt::format("crossover-{}-lost-writes.ndjson", run.config().name);
  }
  postgres::Session old_side = run.at(Side::old_side).open("salvage");
  run.require_migration(old_side, Side::old_side);
  postgres::Session new_side = run.at(Side::new_side).open("salvage");
  sync::require_own(new_side, run.config().name, Side::new_side);
  List list(file);
  const sync::Salvage found =
      sync::find_lost_writes(new_side, old_side, sync::read_tables(old_side), run.context().stop(),
                             [&](const LostWrite& write) { list.add(write); });
  const std::string place = list.finish(run.context().result());
  stop_point("salvage-listed");
  report(run, found, place);
  // `remove` asks for it.
  if (!sync::has_done(old_side, run.context().task(), run.context().verb())) {
    run.record({Side::old_side, Side::new_side}, "done", {});
  }
}

void require_salvaged(const Run& run, const std::vector<Side>& sides) {
  if (run.context().options().flag("forget-lost-writes")) {
    return;
  }
  std::optional<postgres::Session> old_side;
  try {
    old_side.emplace(run.at(Side::old_side).open(run.context().verb()));
  } catch (const Error& error) {
    if (!postgres::is_connection_failure(error) || std::ranges::count(sides, Side::old_side) > 0) {
      throw;
    }
    throw Error(ErrorKind::precondition,
                fmt::format("unable to {} '{}': only the old database says whether the new one was "
                            "given up: {}",
                            run.context().verb(), run.config().name, error.message()),
                "run this again when it answers; if it never will, give --forget-lost-writes");
  }
  const auto migration = sync::read_migration(*old_side);
  if (migration && migration->phase == sync::abandoned_phase &&
      !sync::has_done(*old_side, run.context().task(), "salvage")) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to {} '{}': what was written to the new database and not "
                            "carried to the old one has not been listed",
                            run.context().verb(), run.config().name),
                "run `data-sync salvage` when the new database answers again; if it never will, "
                "give --forget-lost-writes");
  }
}

}  // namespace crossover::data_sync
