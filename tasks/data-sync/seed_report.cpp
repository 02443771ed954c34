#include "data-sync/seed_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "sync/merge_conflicts.h"
#include "sync/seeds.h"

namespace crossover::data_sync {
namespace {

using sync::SeedConflict;
using sync::SeedConflicts;
using Kind = SeedConflict::Kind;

std::string_view why(Kind kind) {
  switch (kind) {
    case Kind::drift:
      return "other identity";
    case Kind::taken:
      return "another row in the source";
    case Kind::target_only:
      break;
  }
  return "only in the target";
}

std::string sentence(const sync::SyncedTable& table, const SeedConflict& conflict) {
  const std::string row = fmt::format("{} of '{}'", conflict.natural_key, table.table.text());
  switch (conflict.kind) {
    case Kind::drift:
      return fmt::format("{} is {} in the source and {} in the target", row, conflict.source_key,
                         conflict.target_key);
    case Kind::taken:
      return fmt::format("{} is {} in the target, which is {} in the source", row,
                         conflict.target_key, conflict.source_key);
    case Kind::target_only:
      break;
  }
  return row + " is in the target only";
}

/// What stands in the way in all tables.
class Report {
 public:
  void add(postgres::Session& target, const sync::Catalogue& catalogue,
           const sync::SyncedTable& synced, const SeedConflicts& found) {
    if (found.count == 0) {
      return;
    }
    if (refused_ == 0) {
      first_ = sentence(synced, found.shown.front());
    }
    refused_ += found.count;
    const auto references = references_of(target, catalogue, synced, found);
    for (const SeedConflict& conflict : found.shown) {
      drifts_ = drifts_ || conflict.kind == Kind::drift;
      others_ = others_ || conflict.kind != Kind::drift;
      const auto referring = references.find(conflict.target_key);
      table_.rows.push_back(
          {synced.table.text(), conflict.natural_key, conflict.source_key, conflict.target_key,
           referring == references.end()
               ? std::string(why(conflict.kind))
               : fmt::format("{}; referred to by {}", why(conflict.kind), referring->second)});
    }
    if (const auto more = found.count - found.shown.size(); more > 0) {
      table_.rows.push_back({synced.table.text(), fmt::format("(and {} more)", more), "", "", ""});
    }
  }

  void require_nothing(const Run& run) {
    if (refused_ == 0) {
      return;
    }
    run.context().result().add_table(std::move(table_));
    throw Error(ErrorKind::conflict,
                fmt::format("unable to copy over the target's rows: {}{}", first_,
                            refused_ > 1 ? fmt::format(" (and {} more)", refused_ - 1) : ""),
                hint());
  }

 private:
  // Of what only the target has there may be as much as it has rows, as in a database that is in
  // use.
  static std::map<std::string, std::string> references_of(postgres::Session& target,
                                                          const sync::Catalogue& catalogue,
                                                          const sync::SyncedTable& synced,
                                                          const SeedConflicts& found) {
    std::vector<std::string> identities;
    for (const SeedConflict& conflict : found.shown) {
      if (conflict.kind != Kind::target_only) {
        identities.push_back(conflict.target_key);
      }
    }
    return identities.empty() ? std::map<std::string, std::string>()
                              : sync::references_to(target, synced, catalogue, identities);
  }

  std::string hint() const {
    constexpr std::string_view for_others =
        "mend the seeds, or set the table's policy to merge, or acceptTargetOnly: true, in "
        "sync.tables";
    constexpr std::string_view for_drifts =
        "delete in the target what has another identity there, or give it the source's, with what "
        "refers to it";
    return drifts_ && others_ ? fmt::format("{}; {}", for_drifts, for_others)
                              : std::string(drifts_ ? for_drifts : for_others);
  }

  cli::Table table_{.title = "Rows of the target in the way",
                    .columns = {"table", "natural key", "source", "target", "why"},
                    .rows = {}};
  std::uint64_t refused_ = 0;
  std::string first_;
  bool drifts_ = false;
  bool others_ = false;
};

SeedConflicts conflicts_of(postgres::Session& source, postgres::Session& target,
                           const sync::SyncedTable& synced, const sync::Table& described,
                           const config::TablePolicy& policy, const StopRequest& stop) {
  const auto key = sync::natural_key_of(described, policy.key);
  return synced.policy == sync::Policy::merge
             ? sync::find_merge_conflicts(source, target, synced, described, key,
                                          policy.accept_target_only, stop)
             : sync::find_seed_conflicts(source, target, synced, key, policy.accept_target_only,
                                         stop);
}

}  // namespace

AcceptedRowsByTable require_no_seed_conflicts(const Run& run, const Survey& survey,
                                              sync::Direction direction) {
  postgres::Session source = run.at(sync::source(direction)).open("seeds");
  postgres::Session target = run.at(sync::target(direction)).open("seeds");
  const bool forward = direction == sync::Direction::forward;
  const sync::Catalogue& here = forward ? survey.old_side : survey.new_side;
  const sync::Catalogue& there = forward ? survey.new_side : survey.old_side;
  AcceptedRowsByTable accepted;
  Report report;
  for (const sync::SyncedTable& synced : survey.tables) {
    SeedConflicts found =
        conflicts_of(source, target, synced, here.tables.at(synced.table),
                     run.config().sync.policy_of(synced.table.text()), run.context().stop());
    if (found.accepted > 0) {
      accepted[synced.table.text()] = {found.accepted, std::move(found.accepted_keys)};
    }
    report.add(target, there, synced, found);
  }
  report.require_nothing(run);
  return accepted;
}

void note_accepted(Run& run, const std::vector<sync::SyncedTable>& tables,
                   const AcceptedRowsByTable& accepted) {
  nlohmann::json noted = nlohmann::json::object();
  for (const sync::SyncedTable& table : tables) {
    const std::string name = table.table.text();
    if (run.config().sync.policy_of(name).accept_target_only) {
      const auto found = accepted.find(name);
      const AcceptedRows rows = found == accepted.end() ? AcceptedRows() : found->second;
      noted[name] = {{"rows", rows.rows}, {"keys", rows.keys}};
    }
  }
  if (!noted.empty()) {
    run.note("accepted_target_only", std::move(noted));
  }
}

}  // namespace crossover::data_sync
