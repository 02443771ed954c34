#include "data-sync/migration.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stop_point.h"
#include "kube/connect.h"
#include "postgres/advisory_lock.h"
#include "resources/step.h"

namespace crossover::data_sync {

Run::Run(cli::TaskContext& context)
    : context_(context), started_at_(rfc3339(context.clock().wall())) {
  const config::Database& old_side = config().require(config().databases.old_side, "databases.old");
  const config::Database& new_side = config().require(config().databases.new_side, "databases.new");
  if (sync::names_cluster(old_side) || sync::names_cluster(new_side)) {
    client_ = resources::connect(context);
  }
  databases_ = std::make_unique<sync::ConfiguredDatabases>(old_side, new_side, endpoint_context());
  if (context.verb() != "status") {
    databases_->resolve();
  }
}

kube::Client& Run::client() const {
  if (!client_) {
    client_ = resources::connect(context_);
  }
  return *client_;
}

postgres::EndpointContext Run::endpoint_context() const {
  return {client_.get(), context_.namespace_name(), kube::in_cluster(), context_.log()};
}

SideFacts Run::facts(sync::Side side) const {
  postgres::Session session = at(side).open("status");
  SideFacts facts;
  facts.migration = sync::read_migration(session);
  facts.gate = sync::gate_state(session);
  return facts;
}

void Run::require_own(const std::vector<sync::Side>& sides) const {
  for (const sync::Side side : sides) {
    postgres::Session session = at(side).open(context_.verb());
    sync::require_own(session, config().name, side);
  }
}

sync::Migration Run::require_migration(postgres::Session& session, sync::Side side) const {
  sync::require_own(session, config().name, side);
  return sync::require_migration(session, at(side).describe());
}

sync::Side Run::live_side() const {
  const sync::GateState old_gate = facts(sync::Side::old_side).gate;
  const sync::GateState new_gate = facts(sync::Side::new_side).gate;
  if (new_gate == sync::GateState::open && old_gate == sync::GateState::closed) {
    return sync::Side::new_side;
  }
  if ((old_gate == sync::GateState::open || old_gate == sync::GateState::absent) &&
      new_gate != sync::GateState::open) {
    return sync::Side::old_side;
  }
  throw Error(ErrorKind::precondition,
              fmt::format("unable to tell which database is live: the old gate is {}, the new gate "
                          "is {}",
                          sync::name(old_gate), sync::name(new_gate)),
              "a switch may be under way: look at `route-switch status`, and run `route-switch "
              "switch` or `route-switch rollback` again to end it");
}

sync::InstallContext Run::install_context() const {
  return {context_.clock(),
          context_.stop(),
          context_.log(),
          {config().sync.lock_timeout, config().sync.lock_budget}};
}

std::string Run::history_table() const {
  const auto& flyway = config().provision.flyway;
  return flyway.schema + "." + flyway.history_table;
}

void Run::record(const std::vector<sync::Side>& sides, std::string_view outcome,
                 const std::string& detail) const {
  nlohmann::json text = notes_;
  text["error"] = detail;
  text["end"] = rfc3339(context_.clock().wall());
  const sync::Evidence entry{context_.task(), context_.verb(), context_.actor(),
                             std::string(outcome), context_.result().plan_sha256(), started_at_,
                             // A server's message may quote bytes that are no UTF-8.
                             text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  for (const sync::Side side : sides) {
    try {
      postgres::Session session = at(side).open("evidence");
      const auto migration = sync::read_migration(session);
      if (migration && migration->name == config().name && migration->side == side) {
        sync::append_evidence(session, entry);
      }
    } catch (const Error& failure) {
      // A log that can't be written must not hide how the step ended.
      context_.log().warning("the evidence in '{}' has no entry of this run: {}",
                             at(side).describe(), failure.text());
    }
  }
}

void Run::changing(const std::vector<sync::Side>& sides,
                   const std::function<cli::Plan()>& make_plan,
                   const std::function<void(const cli::Plan&)>& body) {
  const auto locked = [&](const cli::Plan& plan) {
    stop_point("step-planned");
    std::vector<postgres::Session> locks;
    for (const sync::Side side : sides) {
      locks.push_back(at(side).open("lock"));
      postgres::lock(locks.back(), config().name, postgres::advisory_key(config().name));
    }
    body(plan);
  };
  recorded(sides, [&] {
    if (client_ && !context_.namespace_name().empty()) {
      resources::run_step(context_, *client_, make_plan, locked);
      return;
    }
    const cli::Plan plan = make_plan();
    if (context_.confirm(plan)) {
      locked(plan);
    }
  });
}

void Run::beside(const std::vector<sync::Side>& sides, const std::function<cli::Plan()>& make_plan,
                 const std::function<void(const cli::Plan&)>& body) {
  recorded(sides, [&] {
    const cli::Plan plan = make_plan();
    if (context_.confirm(plan)) {
      body(plan);
    }
  });
}

void Run::recorded(const std::vector<sync::Side>& sides, const std::function<void()>& step) {
  try {
    step();
  } catch (const Error& error) {
    if (!context_.dry_run()) {
      record(sides, error.kind() == ErrorKind::precondition ? "refused" : "failed", error.text());
    }
    throw;
  }
  stop_point("step-done");
  if (context_.result().changed()) {
    record(sides, "done", {});
  }
}

}  // namespace crossover::data_sync
