#include "route-switch/watch.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "http/client.h"
#include "route-switch/door.h"

namespace crossover::route_switch {
namespace {

// The health signal of one Route, and how often in a row it has failed.
class Watched {
 public:
  Watched(const config::Migration& config, const cutover::RouteControl& route,
          Connections& connections)
      : door_(find_door(route, connections)), path_(route.config().marker.path) {
    const std::string& own = route.config().health;
    const std::string& wanted = own.empty() ? config.cutover.health.endpoint : own;
    for (const config::EndpointCheck& check : config.verify.endpoints) {
      if (check.name == wanted) {
        path_ = check.path;
        status_ = check.status;
      }
    }
    if (config.routes.size() > 1) {
      name_ = route.ref().text();
    }
  }

  http::Request request() const { return request_to(door_, path_); }

  void take(const http::Outcome& outcome) {
    wrong_.clear();
    const int status = outcome.response.status;
    if (outcome.error) {
      wrong_ = (name_.empty() ? "" : fmt::format("'{}': ", name_)) + outcome.error->message();
    } else if (status_ == 0 ? status >= 500 : status != status_) {
      wrong_ = fmt::format("'{}'{} answers {}", path_,
                           name_.empty() ? "" : fmt::format(" of '{}'", name_), status);
    }
    failures_ = wrong_.empty() ? 0 : failures_ + 1;
  }

  int failures() const { return failures_; }
  const std::string& wrong() const { return wrong_; }

 private:
  Door door_;
  std::string path_;
  int status_ = 0;    ///< 0: any but a server's error
  std::string name_;  ///< empty where there is only one
  std::string wrong_;
  int failures_ = 0;
};

}  // namespace

std::string watch_health(cli::TaskContext& context, Connections& connections,
                         const std::vector<cutover::RouteControl>& routes) {
  const config::Cutover& cutover = context.config().cutover;
  std::vector<Watched> watched;
  for (const cutover::RouteControl& route : routes) {
    watched.emplace_back(context.config(), route, connections);
  }
  http::ClientOptions options;
  options.connections_per_host = watched.size();  // so that none waits for one that hangs
  const auto client = http::make_client(options);
  const Deadline deadline(context.clock(), cutover.watch);
  while (!deadline.passed() && !context.stop().requested()) {
    std::vector<http::Request> requests;
    for (const Watched& one : watched) {
      requests.push_back(one.request());
    }
    const std::vector<http::Outcome> outcomes = client->send_all(requests);
    for (std::size_t i = 0; i < watched.size(); ++i) {
      watched[i].take(outcomes.at(i));
      if (watched[i].failures() >= cutover.health.failures) {
        return watched[i].wrong();
      }
    }
    context.clock().sleep(std::chrono::milliseconds(250));
  }
  return {};
}

}  // namespace crossover::route_switch
