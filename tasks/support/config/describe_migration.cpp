#include <fmt/format.h>

#include <algorithm>

#include "config/describe.h"

namespace crossover::config {

void describe(Fields& fields, Marker& marker) {
  fields.text("path", marker.path, "what is asked for");
  fields.text("header", marker.header, "name of a header of the answer");
  fields.text("json", marker.json, "JSON pointer into the answer");
  fields.text("old", marker.old_value, "its value in answers of the old API");
  fields.text("new", marker.new_value, "its value in answers of the new API");
  fields.rule(marker.header.empty() || marker.json.empty(), "",
              "at most one of 'header' and 'json' can be set", "");
  const bool named = !marker.header.empty() || !marker.json.empty();
  fields.rule(!named || (!marker.old_value.empty() && marker.old_value != marker.new_value), "",
              "'old' and 'new' must be set and differ", "");
}

void describe(Fields& fields, Route& route) {
  fields.choice("kind", route.kind, route_kinds, "of OpenShift, or of the Gateway API");
  fields.text("name", route.name, "of the object", Presence::required);
  fields.text("oldService", route.old_service, "Service of the old API", Presence::required);
  fields.text("newService", route.new_service, "Service of the new API", Presence::required);
  fields.text("url", route.url, "where the router listens; default: https://HOST");
  fields.text("host", route.host, "Host header; default: the Route's");
  fields.section("marker", route.marker, "how an answer shows which API gave it");
  fields.boolean("moveCallers", route.move_callers,
                 "lead the old Service to the new API too, for callers inside the cluster");
  fields.text("health", route.health,
              "name of one of `verify.endpoints`, watched here; default: `switch.health.endpoint`");
  fields.text("cookie", route.cookie, "the router's sticky cookie; default: as it is seen");
  fields.rule(route.old_service.empty() || route.old_service != route.new_service, "newService",
              "'oldService' and 'newService' must differ", "");
}

void describe(Fields& fields, Health& health) {
  fields.text("endpoint", health.endpoint, "name of one of `verify.endpoints`");
  fields.integer("failures", health.failures, 1, 1000, "in a row, then the switch is rolled back");
}

void describe(Fields& fields, Cutover& cutover) {
  fields.duration("pauseBudget", cutover.pause_budget, "longest time from PAUSE to RESUME");
  fields.bytes("maxLag", cutover.max_lag, "captured changes not yet applied at the start");
  fields.duration("quiet", cutover.quiet, "time without a write that goes round the poolers");
  fields.duration("readyTimeout", cutover.ready_timeout,
                  "until enough pods are ready behind the Service that the route is led to");
  fields.duration("uptakeTimeout", cutover.uptake_timeout, "until the router leads to the new API");
  fields.duration("watch", cutover.watch, "how long health is watched afterwards");
  fields.section("health", cutover.health, "what is watched");
}

void describe(Fields& fields, Action& action) {
  fields.text("object", action.object, "`deployment/mailer`", Presence::required);
  std::int64_t replicas = action.replicas.value_or(-1);
  fields.integer("replicas", replicas, -1, 10000, "scale to; -1: leave as it is");
  action.replicas = replicas < 0 ? std::nullopt : std::optional<int>(static_cast<int>(replicas));
  fields.text_map("environment", action.environment, "variables of the first container");
  fields.text_map("labels", action.labels, "labels of the object");
  fields.rule(action.object.empty() || action.object.find('/') != std::string::npos, "object",
              "'object' must be KIND/NAME", "");
}

void describe(Fields& fields, SideEffect& side_effect) {
  fields.text("name", side_effect.name, "for people", Presence::required);
  fields.section("before", side_effect.before, "while the old API is in charge", "Action");
  fields.section("after", side_effect.after, "once the new API is", "Action");
}

void describe(Fields& fields, BackupCheck& check) {
  fields.texts("command", check.command, "run in the backup's container; makes a backup now");
  fields.text("directory", check.directory, "where the backups are in the container");
  fields.texts("tables", check.tables, "compared after restoring; default: all");
}

void describe(Fields& fields, Backup& backup) {
  fields.text("release", backup.release, "Helm release", Presence::required);
  fields.text("chart", backup.chart, "folder, archive, NAME with `repository`, or oci://...",
              Presence::required);
  fields.text("version", backup.version, "of the chart; default: the newest");
  fields.text("repository", backup.repository, "URL of a chart repository");
  fields.paths("values", backup.values, "files of values");
  fields.text_map("set", backup.set, "single values, as strings");
  fields.text("workload", backup.workload, "`deployment/NAME`; default: that of the release");
  fields.sections("network", backup.network, "network rules", "Source");
  fields.sections("rbac", backup.rbac, "roles and bindings", "Source");
  fields.text("rbacNamespace", backup.rbac_namespace, "where they go; default: `namespace`");
  fields.sections("restoreRbac", backup.restore_rbac, "put back by `remove`", "Source");
  fields.section("check", backup.check, "how the newest backup is checked");
  fields.duration("timeout", backup.timeout, "until the backup runs");
}

void describe(Fields& fields, Cleanup& cleanup) {
  fields.boolean("keepVolumes", cleanup.keep_volumes,
                 "keep volume claims until a backup of home is verified");
}

namespace {

void describe_approval(Fields& fields, Approval& approval) {
  constexpr std::string_view help =
      "whether changes need approval; a word (`none`, `required`) or a mapping";
  if (fields.is_word("approval", approval.approvers.empty() && approval.count == 1)) {
    fields.choice("approval", approval.mode, approval_modes, help);
    return;
  }
  if (fields.open("approval", true, "", help)) {
    fields.choice("mode", approval.mode, approval_modes, "whether changes need approval");
    fields.texts("approvers", approval.approvers, "users, or `group:NAME`");
    fields.integer("count", approval.count, 1, 100, "how many of them must agree");
    fields.close();
  }
}

bool knows_endpoint(const Migration& migration, const std::string& wanted) {
  return wanted.empty() ||
         std::ranges::any_of(migration.verify.endpoints,
                             [&](const EndpointCheck& check) { return check.name == wanted; });
}

void describe_route(Fields& fields, Route& route, const Migration& migration) {
  describe(fields, route);
  fields.rule(knows_endpoint(migration, route.health), "health",
              "'health' names no entry of 'verify.endpoints'", "");
}

// What two entries may not have in common.
void compare(Fields& fields, const Route& route, const Route& earlier) {
  fields.rule(route.name.empty() || route.name != earlier.name, "name",
              fmt::format("'{}' has the name '{}' too", earlier.key, route.name),
              "make one entry of each Route");
  fields.rule(route.new_service != earlier.old_service || route.new_service.empty(), "newService",
              fmt::format("service '{}' is the old one of '{}'", route.new_service, earlier.key),
              "an API is either the old one or the new one");
  fields.rule(route.old_service != earlier.new_service || route.old_service.empty(), "oldService",
              fmt::format("service '{}' is the new one of '{}'", route.old_service, earlier.key),
              "an API is either the old one or the new one");
  fields.rule(!route.move_callers || !earlier.move_callers ||
                  route.old_service != earlier.old_service ||
                  route.new_service == earlier.new_service,
              "moveCallers",
              fmt::format("'{}' moves the callers of service '{}' to another one", earlier.key,
                          route.old_service),
              "set 'moveCallers' in one of the two");
}

void describe_routes(Fields& fields, Migration& migration) {
  std::vector<Route> routes = migration.routes;
  std::vector<Route> only;  // of `route`
  if (routes.size() == 1 && routes.front().key == Route{}.key) {
    only.swap(routes);
  }
  if (fields.open("route", !only.empty(), "Route", "what leads the users to the API")) {
    only.resize(1);
    describe_route(fields, only.front(), migration);
    fields.close();
  }
  routes.resize(fields.list("routes", routes.size(), "Route",
                            "instead of `route`, where several APIs use the database: what leads "
                            "users to each, in the order in which they are led"));
  for (std::size_t i = 0; i < routes.size(); ++i) {
    fields.open_item("routes", i);
    routes[i].key = fmt::format("routes[{}]", i);
    describe_route(fields, routes[i], migration);
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      compare(fields, routes[i], routes[earlier]);
    }
    fields.close();
  }
  fields.rule(only.empty() || routes.empty(), "routes", "'route' and 'routes' are both set",
              "make what 'route' says an entry of 'routes'");
  migration.routes = only.empty() ? std::move(routes) : std::move(only);
}

}  // namespace

void describe(Fields& fields, Migration& migration) {
  fields.text("name", migration.name, "of the migration: names its Lease, ConfigMap and state",
              Presence::required);
  fields.text("namespace", migration.namespace_name, "default: the kubeconfig's");
  fields.text("temporaryLabel", migration.temporary_label,
              "`key=value`; what bears it is deleted by clean-up");
  describe_approval(fields, migration.approval);
  fields.text("image", migration.image, "Crossover's own, for guard, follow and probes");
  fields.section("kubernetes", migration.kubernetes, "how the cluster is reached");
  fields.section("databases", migration.databases, "the two databases");
  fields.section("network", migration.network, "`nsp-apply`");
  fields.section("provision", migration.provision, "`db-provision`");
  fields.section("pooler", migration.pooler, "PgBouncer in front of the new API");
  fields.section("sync", migration.sync, "`data-sync`");
  fields.section("verify", migration.verify, "`seed-verify`");
  describe_routes(fields, migration);
  fields.section("switch", migration.cutover, "`route-switch`");
  fields.sections("sideEffects", migration.side_effects,
                  "consumers, schedules and mailers of which one must be live", "Side effect");
  fields.section("backup", migration.backup, "`backup-install`");
  fields.section("cleanup", migration.cleanup, "what clean-up spares");
  const std::string& label = migration.temporary_label;
  fields.rule(label.empty() ||
                  (label.find('=') != std::string::npos && label.find(',') == std::string::npos &&
                   label.front() != '=' && label.back() != '='),
              "temporaryLabel", "'temporaryLabel' must be 'key=value'", "");
  fields.rule(knows_endpoint(migration, migration.cutover.health.endpoint), "switch",
              "'switch.health.endpoint' names no entry of 'verify.endpoints'", "");
}

}  // namespace crossover::config
