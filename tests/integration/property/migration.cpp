#include "integration/property/migration.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/retry.h"
#include "integration/property/expectation.h"
#include "postgres/sqlstate.h"
#include "sync/catalogue.h"
#include "sync/compare.h"
#include "sync/gate.h"
#include "sync/repair.h"
#include "sync/selection.h"
#include "sync/spelling.h"
#include "sync/state.h"
#include "sync/verify.h"

namespace crossover::test::property {

using sync::Direction;
using sync::Side;

namespace {

constexpr std::int64_t sequence_margin = 100;
constexpr RetryPolicy patience{.budget = std::chrono::seconds(60),
                               .first_pause = std::chrono::milliseconds(5),
                               .longest_pause = std::chrono::milliseconds(50)};

}  // namespace

Migration::Migration(const Case& what, Site& site)
    : case_(what), site_(site), databases_(site.databases()), token_(sync::new_token()) {}

void Migration::preflight(const std::vector<std::string>& skipped) {
  postgres::Session old_side = open(Side::old_side);
  postgres::Session new_side = open(Side::new_side);
  const std::vector<std::string> schemas = {"public", "Other Schema"};
  const sync::Catalogue before = sync::read_catalogue(old_side, schemas);
  sync::Findings findings;
  config::Sync settings;
  for (const std::string& name : skipped) {
    settings.tables[name].policy = sync::Policy::skip;
  }
  tables_ = sync::select_tables(before, settings, "", findings);
  sync::Catalogue after = sync::read_catalogue(new_side, schemas);
  sync::match_spelling(old_side, before, new_side, after);
  for (const sync::Finding& finding : sync::compare_structure(before, after, tables_)) {
    findings.push_back(finding);
  }
  for (const sync::Finding& finding : findings) {
    if (finding.level == sync::Finding::Level::error) {
      throw Failure(fmt::format("preflight: {} {}", finding.object, finding.text));
    }
  }
}

sync::InstallContext Migration::install_context() {
  return {clock_, stop_, log_, {std::chrono::milliseconds(400), std::chrono::seconds(20)}};
}

sync::CopyContext Migration::copy_context() { return {clock_, stop_, log_, progress_}; }

// Owner and drainer of both databases, as every task takes them first: what an earlier one has
// under way ends or is refused.
void Migration::take_over() {
  forget_drain();
  owner_ = sync::new_token();
  for (const Side side : {Side::old_side, Side::new_side}) {
    postgres::Session session = open(side);
    sync::take_owner(session, owner_);
    sync::take_drainer(session, owner_);
  }
}

void Migration::install(Direction direction) {
  for (const Side side : {Side::old_side, Side::new_side}) {
    postgres::Session session = open(side);
    sync::install_state(session, "property", side, token_);
    sync::record_tables(session, tables_, {"public", "Other Schema"});
  }
  if (direction == Direction::forward) {
    for (const Side side : {Side::new_side, Side::old_side}) {
      postgres::Session session = open(side);
      sync::install_gate(session, tables_, token_, side == Side::new_side, install_context());
    }
  }
  postgres::Session source = open(sync::source(direction));
  postgres::Session target = open(sync::target(direction));
  sync::install_capture(source, tables_, token_, install_context());
  const bool there = !target
                          .query("SELECT FROM crossover.position WHERE direction = $1",
                                 {std::string(sync::name(direction))})
                          .empty();
  if (!there) {
    sync::start_position(source, target, direction, tables_);
  }
}

void Migration::copy() {
  take_over();
  sync::copy_tables(databases_, Direction::forward, tables_, token_, owner_,
                    {.workers = case_.copy_workers, .pages_per_range = case_.pages_per_range},
                    copy_context());
}

void Migration::prepare_reverse() {
  install(Direction::reverse);
  reversible_ = true;
}

sync::Drain& Migration::drain() {
  if (!drain_) {
    take_over();
    drain_.emplace(databases_, direction(), tables_, token_, owner_, log_);
  }
  return *drain_;
}

void Migration::mark() {
  if (case_.marks) {
    drain().mark_carried();
  }
}

void Migration::purge() {
  drain().run();
  drain().run();
  mark();
  drain().purge(Duration(0), clock_);
}

void Migration::verify() {
  drain().run_keeping_snapshot();
  postgres::Session target = open(sync::other(live_));
  for (const sync::SyncedTable& table : tables_) {
    const auto result = sync::compare_table(drain().source_session(), target, table, direction(), 3,
                                            stop_, progress_);
    if (!result.equal) {
      throw Failure(fmt::format("verify finds {} differences in {}, rows {} and {}",
                                result.differences.size(), table.table.text(), result.source_rows,
                                result.target_rows));
    }
  }
}

void Migration::move(Side to, bool& gives_back, const std::function<void()>& given_back) {
  take_over();
  {
    postgres::Session source = open(sync::other(to));
    postgres::Session target = open(to);
    if (sync::gate_state(target) == sync::GateState::open) {
      live_ = to;
      return;
    }
    if (std::exchange(gives_back, false) && sync::gate_state(source) == sync::GateState::closed) {
      sync::open_gate(source, tables_, owner_, std::chrono::seconds(10));
      given_back();
    }
  }
  drain().run();
  drain().prepare_finish(owner_, sequence_margin, std::chrono::seconds(60));
  postgres::Session source = open(live_);
  retry(clock_, stop_, patience, postgres::is_lock_conflict,
        [&] { sync::close_gate(source, tables_, owner_, std::chrono::milliseconds(200)); });
  drain().finish([](std::string_view) {}, [] {});
  live_ = to;
  forget_drain();
}

void Migration::follow_failover() {
  take_over();
  follow_failover(Direction::forward);
  if (reversible_) {
    follow_failover(Direction::reverse);
  }
}

void Migration::follow_failover(Direction direction) {
  postgres::Session source = open(sync::source(direction));
  postgres::Session target = open(sync::target(direction));
  if (!sync::has_failed_over(source, target, direction)) {
    return;
  }
  if (live_ == sync::source(direction)) {
    sync::repair_after_failover(databases_, direction, tables_, token_, owner_, copy_context());
    return;
  }
  // Behind a closed gate nothing was written but what came from the live side.
  postgres::Transaction transaction(target);
  sync::require_owner(target, owner_);
  sync::start_position(source, target, direction, tables_);
  transaction.commit();
}

}  // namespace crossover::test::property
