#include "route-switch/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/callers.h"
#include "cutover/pooler_config.h"
#include "cutover/route.h"
#include "http/client.h"
#include "kube/list_allowed.h"
#include "kube/object.h"
#include "sync/state.h"

namespace crossover::route_switch {
namespace {

constexpr int answers_in_a_row = 10;

// Where the router is asked, and as whom.
struct Door {
  std::string url;
  std::string host;
};

Door find_door(const config::Route& route, Connections& connections) {
  Door door{route.url, route.host};
  if (door.host.empty() || door.url.empty()) {
    const cutover::RouteControl control(*connections.client(), route,
                                        connections.client()->own_namespace());
    const auto object = connections.client()->get(control.ref());
    std::string host = kube::text_at(object, "/spec/host");
    if (host.empty()) {
      host = kube::text_at(object, "/spec/hostnames/0");
    }
    door.host = door.host.empty() ? host : door.host;
    door.url = door.url.empty() ? "https://" + host : door.url;
  }
  return door;
}

http::Request request_to(const Door& door, const std::string& path) {
  http::Request request;
  request.url = door.url + path;
  request.headers = {{"Host", door.host}};
  request.timeout = std::chrono::seconds(5);
  request.fresh_connection = true;
  return request;
}

// What the answer says of who gave it; empty where it says nothing.
std::string marker_of(const config::Marker& marker, const http::Response& response) {
  if (!marker.header.empty()) {
    const std::string* value = response.header(marker.header);
    return value == nullptr ? std::string() : *value;
  }
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  return body.is_discarded() ? std::string() : kube::text_at(body, marker.json);
}

// "name=value" of the first cookie that an answer sets (of that name, where one is given).
std::string cookie_of(const http::Response& response, const std::string& name) {
  const std::string* header = response.header("Set-Cookie");
  if (header == nullptr || (!name.empty() && !header->starts_with(name + "="))) {
    return {};
  }
  return header->substr(0, header->find(';'));
}

std::string wrong_with(const config::Route& route, const http::Outcome& outcome,
                       const std::string& expected) {
  if (outcome.error) {
    return outcome.error->message();
  }
  if (outcome.response.status >= 500) {
    return fmt::format("status {}", outcome.response.status);
  }
  const std::string marker = marker_of(route.marker, outcome.response);
  return marker == expected ? std::string() : fmt::format("the marker is '{}'", marker);
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

// What to do about them: the old API's own pods mostly write for others who call its Service.
std::string callers_hint(cli::TaskContext& context, Connections& connections) {
  const config::Route& route = context.config().require(context.config().route, "route");
  const auto callers = cutover::read_callers(*connections.client(), route.old_service,
                                             connections.client()->own_namespace(), route.name);
  std::string known;
  for (const cutover::Caller& caller : callers) {
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", caller.object, caller.how);
  }
  return fmt::format(
      "nothing is lost meanwhile: both APIs write to one database. {}. Move them to service '{}', "
      "or set route.moveCallers, then run this step again",
      known.empty() ? "Nobody in this namespace is known to call the old API's service"
                    : fmt::format("Service '{}' is called by {}", route.old_service, known),
      route.new_service);
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
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to see the old API quiet: {} still wrote to the old database "
                              "past the pooler",
                              others),
                  callers_hint(context, connections));
    }
  }
}

}  // namespace

void await_uptake(cli::TaskContext& context, Connections& connections, sync::Side side) {
  const config::Route& route = context.config().require(context.config().route, "route");
  const bool forward = side == sync::Side::new_side;
  const std::string& expected = forward ? route.marker.new_value : route.marker.old_value;
  const Door door = find_door(route, connections);
  const auto client = http::make_client({});
  const Deadline deadline(context.clock(), context.config().cutover.uptake_timeout);
  std::string cookie;
  std::string wrong;
  for (int good = 0; good < answers_in_a_row;) {
    context.stop().throw_if_requested();
    std::array<http::Request, 2> requests = {request_to(door, route.marker.path),
                                             request_to(door, route.marker.path)};
    if (!cookie.empty()) {
      requests[1].headers.emplace_back("Cookie", cookie);
    }
    const auto outcomes = client->send_all(requests);
    wrong = wrong_with(route, outcomes[0], expected);
    if (wrong.empty()) {
      wrong = wrong_with(route, outcomes[1], expected);
    } else if (!outcomes[0].error) {
      cookie = cookie_of(outcomes[0].response, route.cookie);  // of the API that is being left
    }
    good = wrong.empty() ? good + 1 : 0;
    if (!wrong.empty() && deadline.passed()) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to see the {} API behind '{}': {}", forward ? "new" : "old",
                              door.url, wrong),
                  "the route has been changed and the router has not followed; one database is "
                  "still written, so nothing is lost: run this step again, or `rollback`");
    }
    context.clock().sleep(std::chrono::milliseconds(wrong.empty() ? 20 : 200));
  }
  if (forward) {
    await_quiet(context, connections, deadline);
  }
}

std::string watch_health(cli::TaskContext& context, Connections& connections) {
  const config::Cutover& cutover = context.config().cutover;
  const config::Route& route = context.config().require(context.config().route, "route");
  std::string path = route.marker.path;
  int status = 0;
  for (const config::EndpointCheck& check : context.config().verify.endpoints) {
    if (check.name == cutover.health.endpoint) {
      path = check.path;
      status = check.status;
    }
  }
  const Door door = find_door(route, connections);
  const auto client = http::make_client({});
  const Deadline deadline(context.clock(), cutover.watch);
  int failures = 0;
  while (!deadline.passed() && !context.stop().requested()) {
    const std::array<http::Request, 1> request = {request_to(door, path)};
    const http::Outcome outcome = client->send_all(request).front();
    std::string wrong;
    if (outcome.error) {
      wrong = outcome.error->message();
    } else if (status == 0 ? outcome.response.status >= 500 : outcome.response.status != status) {
      wrong = fmt::format("'{}' answers {}", path, outcome.response.status);
    }
    failures = wrong.empty() ? 0 : failures + 1;
    if (failures >= cutover.health.failures) {
      return wrong;
    }
    context.clock().sleep(std::chrono::milliseconds(250));
  }
  return {};
}

}  // namespace crossover::route_switch
