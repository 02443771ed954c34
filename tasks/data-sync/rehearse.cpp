#include "data-sync/rehearse.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/stop_point.h"
#include "cutover/rehearsal_entry.h"
#include "data-sync/plan.h"
#include "data-sync/preflight.h"
#include "data-sync/rehearsal_api.h"
#include "data-sync/rehearsal_copy.h"
#include "data-sync/rehearsal_database.h"
#include "data-sync/rehearsal_proof.h"
#include "data-sync/start.h"
#include "endpoints/calls.h"

namespace crossover::data_sync {
namespace {

using cli::CheckOutcome;
using sync::Side;

const std::vector<Side> both_sides = {Side::old_side, Side::new_side};

class Rehearsal {
 public:
  explicit Rehearsal(const Run& run)
      : run_(run),
        context_(run.context()),
        target_(run.config().require(run.config().verify.targets.rehearsal,
                                     "verify.targets.rehearsal")),
        database_(run),
        api_(run) {
    endpoints::refuse_wrong_checks(run.config().verify.endpoints);
  }

  cli::Plan plan() {
    require_before_switch();
    const Survey found = survey(run_);
    const std::int64_t bytes = database_.expected_bytes();
    context_.result().set_metric("expected_bytes", bytes);
    return plan_rehearsal({.migration = run_.config().name,
                           .database = database_.name(),
                           .old_system = found.old_system,
                           .new_system = found.new_system,
                           .schema_sha256 = found.schema_sha256,
                           .expected_bytes = bytes},
                          api_.objects(), run_.config().verify.endpoints);
  }

  void apply() {
    require_before_switch();
    if (drop(context_.stop())) {
      context_.result().add_change("database " + database_.name(), "dropped",
                                   "an earlier rehearsal had left it");
    }
    try {
      perform();
    } catch (...) {
      drop_after_failure();
      throw;
    }
    drop_at_end();
    context_.result().throw_if_check_failed("rehearse", run_.config().name);
  }

 private:
  void require_before_switch() {
    run_.require_own({Side::old_side, Side::new_side});
    if (run_.live_side() == Side::new_side) {
      throw Error(ErrorKind::precondition,
                  "unable to rehearse: the service lives on the new database",
                  "checks with writes are ordinary requests now: `seed-verify check --phase full "
                  "--target route`");
    }
    postgres::Session target = run_.at(Side::new_side).open("rehearse");
    if (!sync::read_migration(target)) {
      throw Error(ErrorKind::precondition, "unable to rehearse: the data has not been copied yet",
                  "run `data-sync start` first");
    }
    require_copied(target, sync::Direction::forward);
  }

  void perform() {
    context_.log().info("the copy will take about {} MiB on the new database's server",
                        database_.expected_bytes() >> 20U);
    database_.create();
    stop_point("rehearse-created");
    tables_ = copy_for_rehearsal(run_, database_.database());
    note_writes(database_.database(), tables_);
    stop_point("rehearse-noted");
    context_.phase("rehearsal_api", [&] { api_.bring_up(); });
    stop_point("rehearse-ready");
    context_.phase("rehearsal_checks", [&] { call(); });
    stop_point("rehearse-called");
    context_.phase("rehearsal_proof", [&] { prove(); });
    stop_point("rehearse-proved");
  }

  void call() {
    const endpoints::Place place(
        target_, [&]() -> kube::Client& { return run_.client(); }, context_.log());
    endpoints::call(
        context_, place,
        {.rules = {.phase = config::Phase::full, .on_check_copy = false, .writes_allowed = true},
         .token = token_,
         .before_writes = [&] { require_connected_to_copy(); }});
  }

  RehearsalSessions sessions() const {
    return find_sessions(run_, database_.name(), api_.addresses());
  }

  // The last moment at which a wrong entry has done no harm.
  void require_connected_to_copy() const {
    const RehearsalSessions found = sessions();
    if (!found.elsewhere.empty()) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to rehearse: the API has sessions in a live database: {}",
                              fmt::join(found.elsewhere, ", ")),
                  "nothing was written; correct the pooler's entry with `db-provision apply`, and "
                  "'provision.rehearsal'");
    }
    if (found.in_rehearsal == 0) {
      throw Error(
          ErrorKind::precondition,
          fmt::format("unable to rehearse: no session has come to '{}' through the pooler's entry "
                      "'{}'",
                      database_.name(), entry()),
          "nothing was written; the API must connect to that entry, which `db-provision apply` "
          "makes");
    }
  }

  void prove() {
    const RehearsalSessions found = sessions();
    const bool at_home = found.elsewhere.empty() && found.in_rehearsal > 0;
    context_.result().add_check(
        "rehearsal sessions", at_home ? CheckOutcome::pass : CheckOutcome::fail,
        found.elsewhere.empty()
            ? fmt::format("{} in '{}', none in a live database", found.in_rehearsal,
                          database_.name())
            : fmt::format("in a live database: {}", fmt::join(found.elsewhere, ", ")));
    for (const Side side : both_sides) {
      prove_absence(side);
    }
  }

  void prove_absence(Side side) {
    const Traces traces = find_traces(database_.database(), run_.at(side), tables_, token_);
    const auto outcome = !traces.found.empty()   ? CheckOutcome::fail
                         : !traces.alike.empty() ? CheckOutcome::warn
                                                 : CheckOutcome::pass;
    std::string text =
        fmt::format("none of {} rows that the checks wrote is there", traces.written);
    if (!traces.found.empty()) {
      text = fmt::format("rows that the checks wrote are there: {}", fmt::join(traces.found, ", "));
    } else if (!traces.alike.empty()) {
      text = fmt::format("rows that the checks changed look the same there: {}",
                         fmt::join(traces.alike, ", "));
    }
    context_.result().add_check(fmt::format("rehearsal writes, {} database", sync::name(side)),
                                outcome, std::move(text));
    context_.result().set_metric("rows_written", traces.written);
  }

  // The API first: it would only complain of its database.
  bool drop(const StopRequest& stop) {
    const std::size_t objects = api_.remove(stop);
    return database_.drop() || objects > 0;
  }

  // Also when the run has been asked to end: this is its safe point.
  void drop_at_end() {
    const StopRequest none;
    context_.phase("rehearsal_drop", [&] { drop(none); });
    stop_point("rehearse-dropped");
  }

  void drop_after_failure() {
    try {
      drop_at_end();
    } catch (const Error& error) {
      context_.log().warning(
          "the rehearsal is left over: {}; the next `data-sync rehearse` drops it", error.text());
    }
  }

  std::string entry() const {
    return cutover::rehearsal_entry(run_.config().databases.new_side->database);
  }

  const Run& run_;
  const cli::TaskContext& context_;
  const config::Target& target_;
  RehearsalDatabase database_;
  RehearsalApi api_;
  std::string token_ = endpoints::new_token();
  std::vector<sync::SyncedTable> tables_;
};

}  // namespace

void rehearse(Run& run) {
  Rehearsal rehearsal(run);
  run.changing(
      both_sides, [&] { return rehearsal.plan(); }, [&](const cli::Plan&) { rehearsal.apply(); });
  // It leaves everything as it was, but who approves the switch wants to know of it.
  if (!run.context().dry_run() && !run.context().result().changed()) {
    run.record(both_sides, "done", {});
  }
}

bool drop_rehearsal_database(const Run& run) { return RehearsalDatabase(run).drop(); }

}  // namespace crossover::data_sync
