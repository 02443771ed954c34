#include "route-switch/uptake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/pooler_config.h"
#include "kube/list_allowed.h"
#include "kube/object.h"
#include "route-switch/door.h"
#include "route-switch/route_callers.h"
#include "sync/state.h"

namespace crossover::route_switch {
namespace {

constexpr int answers_in_a_row = 10;

// What the answer says of who gave it; empty where it says nothing.
std::string marker_of(const config::Marker& marker, const http::Response& response) {
  if (!marker.header.empty()) {
    const std::string* value = response.header(marker.header);
    return value == nullptr ? std::string() : *value;
  }
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  const nlohmann::json& value = body.is_discarded() ? body : kube::at(body, marker.json);
  if (value.is_string()) {
    return value.get<std::string>();
  }
  return value.is_number() || value.is_boolean() ? value.dump() : std::string();
}

// "name=value" of the first cookie that an answer sets (of that name, where one is given).
std::string cookie_of(const http::Response& response, const std::string& name) {
  const std::string* header = response.header("Set-Cookie");
  if (header == nullptr || (!name.empty() && !header->starts_with(name + "="))) {
    return {};
  }
  return header->substr(0, header->find(';'));
}

std::string wrong_with(const config::Marker& marker, const http::Outcome& outcome,
                       const std::string& expected) {
  if (outcome.error) {
    return outcome.error->message();
  }
  if (outcome.response.status >= 500) {
    return fmt::format("status {}", outcome.response.status);
  }
  const std::string seen = marker_of(marker, outcome.response);
  return seen == expected ? std::string() : fmt::format("the marker is '{}'", seen);
}

// The capture logs know who has written: rows of transactions that began after `since`, by address.
std::vector<std::string> writers_since(postgres::Session& session, const std::string& since) {
  const auto tables = sync::read_tables(session);
  std::string sql;
  for (const sync::SyncedTable& table : tables) {
    sql += fmt::format(
        "{}SELECT coalesce(host(addr), 'a local socket') AS addr FROM crossover.log_{} "
        "WHERE txid >= $1::bigint",
        sql.empty() ? "" : " UNION ", table.id);
  }
  std::vector<std::string> writers;
  if (!sql.empty()) {
    const auto rows = session.query(sql, {since});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      writers.emplace_back(rows.text(i, 0));
    }
  }
  return writers;
}

std::vector<std::string> pooler_addresses(cli::TaskContext& context, Connections& connections) {
  std::vector<std::string> addresses;
  for (const std::string& text : context.options().list("pooler")) {
    addresses.push_back(text.substr(0, text.rfind(':')));
  }
  if (addresses.empty() && context.config().pooler) {
    for (const auto& pod :
         connections.client()
             ->list("v1", "Pod", cutover::pooler_selector(context.config().pooler->name))
             .items) {
      addresses.push_back(kube::text_at(pod, "/status/podIP"));
    }
  }
  return addresses;
}

// "10.0.0.7 (pod/web-1)" where the cluster knows the address.
std::string named_address(Connections& connections, const std::string& address) {
  if (connections.client() != nullptr) {
    for (const auto& pod : kube::list_if_allowed(*connections.client(), "v1", "Pod")) {
      if (kube::text_at(pod, "/status/podIP") == address) {
        return fmt::format("{} (pod/{})", address, kube::text_at(pod, "/metadata/name"));
      }
    }
  }
  return address;
}

// What to do about them: an old API's own pods mostly write for others who call its Service.
std::string hint_of_one(const config::Route& route, const std::string& callers) {
  return fmt::format(
      "nothing is lost meanwhile: both APIs write to one database. {}. Move them to service '{}', "
      "or set route.moveCallers, then run this step again",
      callers.empty() ? "Nobody in this namespace is known to call the old API's service"
                      : fmt::format("Service '{}' is called by {}", route.old_service, callers),
      route.new_service);
}

std::string callers_hint(cli::TaskContext& context, Connections& connections) {
  const auto& routes = context.config().require(context.config().routes, "route");
  std::string known;
  for (const config::Route& route : routes) {
    const std::string callers = callers_text(*connections.client(), routes, route);
    if (routes.size() == 1) {
      return hint_of_one(route, callers);
    }
    if (!callers.empty() && !route.move_callers) {
      known += fmt::format(
          "Service '{}' is called by {}: move them to service '{}', or set {}.moveCallers. ",
          route.old_service, callers, route.new_service, route.key);
    }
  }
  return fmt::format(
      "nothing is lost meanwhile: all APIs write to one database. {}Then run this step again",
      known.empty() ? "Nobody in this namespace is known to call the old APIs' services: find out "
                      "who does, and move them to the new ones. "
                    : known);
}

std::string named(const cutover::RouteControl& route, const cli::TaskContext& context) {
  return context.config().routes.size() == 1 ? std::string()
                                             : fmt::format(" of '{}'", route.ref().text());
}

}  // namespace

void await_answers(cli::TaskContext& context, Connections& connections,
                   const cutover::RouteControl& route, sync::Side side, const Deadline& deadline) {
  const bool forward = side == sync::Side::new_side;
  const config::Marker& marker = route.config().marker;
  const std::string& expected = forward ? marker.new_value : marker.old_value;
  const Door door = find_door(route, connections);
  const auto client = http::make_client({});
  std::string cookie;
  std::string wrong;
  for (int good = 0; good < answers_in_a_row;) {
    context.stop().throw_if_requested();
    std::array<http::Request, 2> requests = {request_to(door, marker.path),
                                             request_to(door, marker.path)};
    if (!cookie.empty()) {
      requests[1].headers.emplace_back("Cookie", cookie);
    }
    const auto outcomes = client->send_all(requests);
    wrong = wrong_with(marker, outcomes[0], expected);
    if (wrong.empty()) {
      wrong = wrong_with(marker, outcomes[1], expected);
    } else if (!outcomes[0].error) {
      cookie =
          cookie_of(outcomes[0].response, route.config().cookie);  // of the API that is being left
    }
    good = wrong.empty() ? good + 1 : 0;
    if (!wrong.empty() && deadline.passed()) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to see the {} API{} behind '{}': {}", forward ? "new" : "old",
                              named(route, context), door.url, wrong),
                  "the route has been changed and the router has not followed; one database is "
                  "still written, so nothing is lost: run this step again, or `rollback`");
    }
    context.clock().sleep(std::chrono::milliseconds(wrong.empty() ? 20 : 200));
  }
}

void await_quiet(cli::TaskContext& context, Connections& connections, const Deadline& deadline) {
  postgres::Session session = connections.databases().old_db.open("uptake");
  const auto allowed = pooler_addresses(context, connections);
  while (true) {
    const std::string since =
        std::string(session.query("SELECT txid_snapshot_xmax(txid_current_snapshot())").text(0, 0));
    context.clock().sleep(context.config().cutover.quiet);
    std::string others;
    for (const std::string& address : writers_since(session, since)) {
      if (std::find(allowed.begin(), allowed.end(), address) == allowed.end()) {
        others += (others.empty() ? "" : ", ") + named_address(connections, address);
      }
    }
    if (others.empty()) {
      return;
    }
    context.stop().throw_if_requested();
    if (deadline.passed()) {
      throw Error(
          ErrorKind::timeout,
          fmt::format("unable to see the old API{} quiet: {} still wrote to the old database "
                      "past the pooler",
                      context.config().routes.size() == 1 ? "" : "s", others),
          callers_hint(context, connections));
    }
  }
}

}  // namespace crossover::route_switch
