#include "route-switch/status.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/crash_rule.h"
#include "cutover/recovery.h"
#include "cutover/route.h"
#include "sync/drain.h"
#include "sync/position.h"
#include "sync/state.h"

namespace crossover::route_switch {
namespace {

using sync::Side;

std::optional<Side> report_databases(cli::TaskContext& context, const cutover::Facts& facts) {
  cli::Table table{"databases", {"side", "gate", "moving to", "task at work", "problem"}, {}};
  for (const Side side : {Side::old_side, Side::new_side}) {
    const cutover::SideFacts& one = facts.at(side);
    table.rows.push_back({std::string(sync::name(side)),
                          one.reachable ? std::string(sync::name(one.gate)) : "unknown",
                          one.moving_to ? std::string(sync::name(*one.moving_to)) : "-",
                          one.task_at_work ? "yes" : "no", one.problem});
  }
  context.result().add_table(std::move(table));
  const cutover::Verdict verdict = cutover::crash_rule(facts, Side::old_side);
  const bool decided = verdict.kind != cutover::Verdict::Kind::wait;
  context.result().set_report("live", decided ? std::string(sync::name(verdict.side)) : "unknown");
  context.result().add_check(
      "database", decided ? cli::CheckOutcome::pass : cli::CheckOutcome::warn,
      decided ? fmt::format("the service lives on the {} database", sync::name(verdict.side))
              : verdict.text());
  return decided ? std::optional(verdict.side) : std::nullopt;
}

// What the other database does not have yet.
void report_lag(cli::TaskContext& context, Connections& connections, Side live) {
  try {
    const Side behind = sync::other(live);
    postgres::Session session = connections.databases().at(behind).open("status");
    const auto row = sync::read_migration(session);
    const auto direction = sync::direction_to(behind);
    const auto drained = session.query(
        "SELECT round(extract(epoch FROM clock_timestamp() - drained_at)::numeric, 1) "
        "FROM crossover.position WHERE direction = $1",
        {std::string(sync::name(direction))});
    if (drained.empty()) {
      context.result().add_check(
          "lag", cli::CheckOutcome::warn,
          fmt::format("nothing is carried to the {} database", sync::name(behind)));
      return;
    }
    const std::vector<sync::SyncedTable> tables = sync::read_tables(session);
    sync::Drain drain(connections.databases(), direction, tables, row->apply_token,
                      row->drainer_token, context.log());
    const std::uint64_t entries = drain.lag();
    context.result().set_metric("lag_entries", static_cast<std::int64_t>(entries));
    context.result().add_check(
        "lag", cli::CheckOutcome::pass,
        fmt::format("the {} database lacks {} captured changes; last drained {} s ago",
                    sync::name(behind), entries, drained.text(0, 0)));
    postgres::Session source = connections.databases().at(live).open("status");
    if (live == Side::new_side && sync::schema_has_changed(source, session, direction, tables)) {
      context.result().add_check("rollback", cli::CheckOutcome::warn,
                                 "it has ended: the schema of the new database has changed since "
                                 "the last drain, so nothing is carried back any more");
    }
  } catch (const Error& error) {
    context.result().add_check("lag", cli::CheckOutcome::warn, error.text());
  }
}

void report_poolers(cli::TaskContext& context, Connections& connections) {
  cli::Table table{"poolers", {"pooler", "leads to", "side", "state"}, {}};
  try {
    cutover::Fleet fleet = connections.fleet();
    const auto names = fleet.names();
    const auto states = fleet.states(Deadline(context.clock(), std::chrono::seconds(5)));
    for (std::size_t i = 0; i < names.size(); ++i) {
      table.rows.push_back(
          {names[i], states[i].serving ? states[i].leads_to : "-",
           states[i].target ? std::string(sync::name(*states[i].target)) : "-",
           !states[i].serving ? "not told yet" : (states[i].paused ? "paused" : "running")});
    }
  } catch (const Error& error) {
    context.result().add_check("poolers", cli::CheckOutcome::warn, error.text());
  }
  context.result().add_table(std::move(table));
}

void add_backends(cli::Table& table, Connections& connections, const config::Route& route) {
  const cutover::RouteControl control(*connections.client(), route,
                                      connections.client()->own_namespace());
  for (const cutover::Backend& backend :
       cutover::route_backends(connections.client()->get(control.ref()))) {
    table.rows.push_back({backend.service, std::to_string(backend.weight)});
    if (table.columns.size() > 2) {
      table.rows.back().insert(table.rows.back().begin(), control.ref().text());
    }
  }
}

// With several of them, the first column is the Route.
void report_routes(cli::TaskContext& context, Connections& connections) {
  const auto& routes = context.config().routes;
  if (routes.empty() || connections.client() == nullptr) {
    return;
  }
  cli::Table table{"route", {"service", "weight"}, {}};
  if (routes.size() > 1) {
    table = {"routes", {"route", "service", "weight"}, {}};
  }
  for (const config::Route& route : routes) {
    try {
      add_backends(table, connections, route);
    } catch (const Error& error) {
      context.result().add_check("route", cli::CheckOutcome::warn, error.text());
    }
  }
  if (!table.rows.empty()) {
    context.result().add_table(std::move(table));
  }
}

}  // namespace

void report_status(cli::TaskContext& context, Connections& connections) {
  const cutover::Facts facts = cutover::read_facts(connections.databases(), context.config().name);
  const std::optional<Side> live = report_databases(context, facts);
  if (live && facts.old_side.in_migration && facts.new_side.in_migration) {
    report_lag(context, connections, *live);
  }
  report_poolers(context, connections);
  report_routes(context, connections);
}

}  // namespace crossover::route_switch
