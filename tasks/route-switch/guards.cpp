#include "route-switch/guards.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/backend_ready.h"
#include "cutover/recovery.h"
#include "cutover/service_selector.h"
#include "cutover/switch_guards.h"
#include "route-switch/route_callers.h"
#include "route-switch/scaling.h"
#include "route-switch/side_effects.h"
#include "sync/backlog.h"
#include "sync/clients.h"
#include "sync/gate.h"
#include "sync/state.h"
#include "sync/verification.h"

namespace crossover::route_switch {
namespace {

using postgres::Session;
using sync::Side;

[[noreturn]] void refuse(const std::string& cause, std::string hint) {
  throw Error(ErrorKind::precondition, "unable to switch: " + cause, std::move(hint));
}

}  // namespace

Guards::Guards(cli::TaskContext& context, Connections& connections, bool with_routes)
    : context_(context),
      connections_(connections),
      with_routes_(with_routes),
      facts_(cutover::read_facts(connections.databases(), context.config().name)) {}

bool Guards::done() const {
  return facts_.new_side.gate == sync::GateState::open && !facts_.old_side.other_abandoned;
}

bool Guards::resumed() const {
  return cutover::move_under_way(facts_) == Side::new_side || cutover::is_stranded(facts_);
}

const config::Pooler& Guards::pooler() const {
  return context_.config().require(context_.config().pooler, "pooler");
}

bool Guards::poolers_in_cluster() const {
  return connections_.client() != nullptr && context_.config().pooler &&
         context_.options().list("pooler").empty();
}

std::vector<Guards::Guard> Guards::list() {
  std::vector<Guard> guards;
  if (done()) {
    return guards;
  }
  const auto add = [&](std::string name, std::string (Guards::*look)()) {
    guards.push_back({std::move(name), [this, look] { return (this->*look)(); }});
  };
  if (!resumed()) {
    add("state", &Guards::state);
    add("verification", &Guards::verification);
    add("lag", &Guards::lag);
    add("transactions", &Guards::transactions);
    add("poolers", &Guards::poolers);
  }
  if (poolers_in_cluster()) {
    add("pooler pods", &Guards::pooler_pods);
    add("pooler scaling", &Guards::pooler_scaling);
  }
  if (with_routes_) {
    add_for_each_route(guards, "callers", &Guards::callers);
    if (!context_.config().side_effects.empty()) {
      add("side effects", &Guards::side_effects);
    }
  }
  return guards;
}

// Named after its Route where there are several.
void Guards::add_for_each_route(std::vector<Guard>& guards, const std::string& name,
                                std::string (Guards::*look)(const config::Route& route)) {
  const auto& routes = context_.config().require(context_.config().routes, "route");
  for (const config::Route& route : routes) {
    guards.push_back({routes.size() == 1 ? name : fmt::format("{} ({})", name, route.name),
                      [this, look, &route] { return (this->*look)(route); }});
  }
}

void Guards::report() {
  std::vector<Guard> guards = list();
  if (with_routes_ && !done()) {
    add_for_each_route(guards, "new API", &Guards::new_api);
    list_clients();
  }
  if (done()) {
    context_.result().add_check("state", cli::CheckOutcome::pass,
                                "the service is on the new database already");
  }
  for (const Guard& guard : guards) {
    try {
      context_.result().add_check(guard.name, cli::CheckOutcome::pass, guard.look());
    } catch (const Error& error) {
      context_.result().add_check(guard.name, cli::CheckOutcome::warn, error.text());
    }
  }
}

void Guards::require() {
  if (!done() && poolers_in_cluster()) {
    cutover::ReadyWait wait;
    wait.to = pooler().name;
    wait.timeout = context_.config().cutover.ready_timeout;
    cutover::await_ready(*connections_.client(), connections_.client()->own_namespace(), wait,
                         context_.clock(), context_.log(), context_.stop());
  }
  for (const Guard& guard : list()) {
    context_.log().debug("guard '{}': {}", guard.name, guard.look());
  }
}

// What the switch itself would refuse, seen before the route is touched.
std::string Guards::state() {
  Session source = connections_.databases().old_db.open("guards");
  Session target = connections_.databases().new_db.open("guards");
  sync::require_migration(source, connections_.databases().old_db.describe());
  sync::require_migration(target, connections_.databases().new_db.describe());
  const std::string& name = context_.config().name;
  sync::require_own(source, name, Side::old_side);
  sync::require_own(target, name, Side::new_side);
  cutover::require_kept(source, target);
  cutover::require_gates(source, target, Side::new_side);
  cutover::require_copied(target, Side::new_side);
  return "the service is on the old database; the new one is copied, followed and closed";
}

std::string Guards::verification() {
  Session target = connections_.databases().new_db.open("guards");
  const auto found = sync::read_verification(target, sync::Direction::forward);
  if (!found) {
    refuse("the rows of the new database have not been verified since they were copied",
           "run `data-sync verify`, which compares all of them while the service goes on");
  }
  if (!found->equal) {
    refuse(fmt::format("the verification of {} found rows that differ", found->at),
           "run `data-sync verify` to see them; mend the cause, copy again, and verify until it "
           "finds none");
  }
  return fmt::format("{} tables were equal at {}", found->tables, found->at);
}

std::string Guards::lag() {
  Session source = connections_.databases().old_db.open("guards");
  Session target = connections_.databases().new_db.open("guards");
  const sync::Backlog backlog =
      sync::read_backlog(source, target, sync::Direction::forward, sync::read_tables(source));
  const std::uint64_t most = context_.config().cutover.max_lag;
  if (backlog.bytes > most) {
    refuse(fmt::format("{} captured changes of {} bytes are not applied to the new database yet, "
                       "more than the {} bytes of switch.maxLag",
                       backlog.entries, backlog.bytes, most),
           "let `data-sync follow` catch up (`data-sync follow --until-caught-up`), then run this "
           "step again");
  }
  return fmt::format("{} captured changes of {} bytes are not applied yet", backlog.entries,
                     backlog.bytes);
}

std::string Guards::transactions() {
  Session source = connections_.databases().old_db.open("guards");
  const bool yields = cutover::lower_deadlock_timeout(source);
  cutover::require_quiet_source(source, sync::read_tables(source),
                                context_.config().cutover.pause_budget / 2, yields);
  return "none that is prepared or long";
}

std::string Guards::poolers() {
  cutover::Fleet fleet = connections_.fleet();
  if (fleet.empty()) {
    refuse("there is no pooler", "make it with `db-provision apply`");
  }
  const auto names = fleet.names();
  const auto states = fleet.states(Deadline(context_.clock(), std::chrono::seconds(5)));
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!states[i].serving) {
      refuse(fmt::format("pooler '{}' has not been told yet where it leads", names[i]),
             "its guard asks the gates of both databases; see the guard's log");
    }
  }
  fleet.ping_check_entries();
  return fmt::format("{} serve and reach the new database", names.size());
}

std::string Guards::pooler_pods() {
  const cutover::Capacity capacity = cutover::read_capacity(*connections_.client(), pooler().name,
                                                            connections_.client()->own_namespace());
  const std::size_t wanted = capacity.wanted.value_or(1);
  if (capacity.ready < wanted || wanted == 0) {
    refuse(fmt::format("{} of {} poolers are ready{}{}", capacity.ready, wanted,
                       capacity.missing.empty() ? "" : ": ", fmt::join(capacity.missing, ", ")),
           "see `db-provision status`, and wait until all are");
  }
  return fmt::format("{} of {} are ready", capacity.ready, wanted);
}

std::string Guards::pooler_scaling() {
  return require_steady_poolers(*connections_.client(), pooler().name);
}

std::string Guards::new_api(const config::Route& route) {
  const std::string& service = route.new_service;
  kube::Client& client = *connections_.client();
  const cutover::Capacity to = cutover::read_capacity(client, service, client.own_namespace());
  const cutover::Capacity from =
      cutover::read_capacity(client, route.old_service, client.own_namespace());
  const std::size_t least = cutover::needed(to, from);
  if (!to.external && to.ready < least) {
    refuse(fmt::format("{} of {} pods behind service '{}' are ready{}{}", to.ready, least, service,
                       to.missing.empty() ? "" : ": ", fmt::join(to.missing, ", ")),
           "see `db-provision status`");
  }
  return fmt::format("{} pods are ready behind service '{}', {} are needed", to.ready, service,
                     least);
}

// Who calls the old API past the route. They are moved with it, or stay a person's task: the
// switch then waits until they have gone (await_uptake).
std::string Guards::callers(const config::Route& route) {
  kube::Client& client = *connections_.client();
  if (route.move_callers) {
    cutover::ServiceSelector(client, route.old_service, route.new_service, client.own_namespace(),
                             route.key)
        .require_movable();
    return fmt::format("service '{}' is moved with the route", route.old_service);
  }
  const std::string found = callers_text(client, context_.config().routes, route);
  if (found.empty()) {
    return fmt::format("nobody in this namespace is known to call service '{}'", route.old_service);
  }
  std::string text = fmt::format("service '{}' is called by {}", route.old_service, found);
  context_.log().warning("{}: lead them to service '{}', or set {}.moveCallers", text,
                         route.new_service, route.key);
  return text;
}

std::string Guards::side_effects() {
  const auto due = side_effects_due(context_, *connections_.client(), Side::new_side);
  return due.empty() ? std::string("none is due")
                     : fmt::format("will be changed: {}", fmt::join(due, ", "));
}

void Guards::list_clients() {
  cli::Table table{
      "clients of the old database", {"address", "application", "role", "sessions"}, {}};
  Session session = connections_.databases().old_db.open("guards");
  for (const sync::DatabaseClient& one : sync::read_clients(session).clients) {
    table.rows.push_back({one.address, one.application, one.role, std::to_string(one.sessions)});
  }
  context_.result().add_table(std::move(table));
}

}  // namespace crossover::route_switch
