#include "route-switch/lead.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/stop_point.h"
#include "cutover/recovery.h"
#include "route-switch/route_lead.h"
#include "route-switch/side_effects.h"
#include "route-switch/uptake.h"

namespace crossover::route_switch {
namespace {

using sync::Side;

std::string quoted(const std::vector<std::string>& names) {
  return fmt::format("'{}'", fmt::join(names, "', '"));
}

class Lead {
 public:
  Lead(cli::TaskContext& context, Connections& connections,
       std::vector<cutover::RouteControl>& routes)
      : context_(context), connections_(connections) {
    leads_.reserve(routes.size());
    for (cutover::RouteControl& route : routes) {
      leads_.emplace_back(context, *connections.client(), route);
    }
  }

  void to_new() {
    std::optional<Deadline> deadline;
    try {
      deadline = lead_to_new();
    } catch (Error& error) {
      if (leads_.size() > 1) {
        go_back(error);
      }
      throw;
    }
    await_quiet(context_, connections_, *deadline);
  }

  void to_old() {
    std::vector<RouteLead*> due;
    for (RouteLead& lead : leads_) {
      due.insert(due.begin(), &lead);
    }
    if (due.size() > 1) {
      lead_to_old(due, Duration{});
    }
    if (auto error = lead_to_old(due, context_.config().cutover.ready_timeout)) {
      throw_left(std::move(*error), due);
    }
    apply_side_effects(context_, *connections_.client(), Side::old_side);
    for (const RouteLead& lead : leads_) {
      await_answers(context_, connections_, lead.route(), Side::old_side, uptake_deadline());
    }
  }

 private:
  Deadline uptake_deadline() const {
    return {context_.clock(), context_.config().cutover.uptake_timeout};
  }

  // Returns until when the last one's uptake is waited for.
  Deadline lead_to_new() {
    for (RouteLead& lead : leads_) {
      lead.await_backend(Side::new_side, context_.config().cutover.ready_timeout);
    }
    Deadline deadline = uptake_deadline();
    for (RouteLead& lead : leads_) {
      lead.lead(Side::new_side);
      stop_point("route-led");
      if (&lead == &leads_.back()) {
        apply_side_effects(context_, *connections_.client(), Side::new_side);
      }
      deadline = uptake_deadline();
      await_answers(context_, connections_, lead.route(), Side::new_side, deadline);
    }
    return deadline;
  }

  // An old API that writes to a database which takes no writes would fail its users.
  bool old_database_is_open() {
    const cutover::Facts facts =
        cutover::read_facts(connections_.databases(), context_.config().name);
    return facts.old_side.reachable && facts.old_side.gate == sync::GateState::open;
  }

  // Users of some Routes at the new APIs and of others at the old ones: nobody asked for that.
  void go_back(Error& error) {
    if (!old_database_is_open()) {
      return;
    }
    std::vector<std::string> back;
    std::vector<std::string> left;
    for (auto lead = leads_.rbegin(); lead != leads_.rend(); ++lead) {
      const std::string name = lead->route().ref().text();
      try {
        if (!lead->was_led_to_new()) {
          continue;
        }
        if (lead->old_api_is_ready()) {
          lead->lead(Side::old_side);
          stop_point("route-led-back");
          back.push_back(name);
        } else {
          left.push_back(name);
        }
      } catch (const Error& trouble) {
        context_.log().warning("'{}' is left as it is: {}", name, trouble.text());
        left.push_back(name);
      }
    }
    if (!back.empty() || !left.empty()) {
      put_side_effects_back();
      tell(error, back, left);
    }
  }

  void put_side_effects_back() {
    try {
      apply_side_effects(context_, *connections_.client(), Side::old_side);
    } catch (const Error& trouble) {
      context_.log().warning("the side effects are not all as before: {}", trouble.text());
    }
  }

  static void tell(Error& error, const std::vector<std::string>& back,
                   const std::vector<std::string>& left) {
    std::string hint = error.kind() == ErrorKind::precondition && !error.hint().empty()
                           ? error.hint() + "; "
                           : std::string();
    if (!back.empty()) {
      hint += fmt::format("led back to the old API: {}; ", quoted(back));
    }
    if (!left.empty()) {
      hint += fmt::format(
          "not led back, look at `route-switch status` and run `route-switch rollback`: {}; ",
          quoted(left));
    }
    error.set_hint(hint +
                   "one database is still written, so nothing is lost: run this step again when "
                   "the cause is mended");
  }

  // Takes those that it has led out of `due`; returns the first error.
  std::optional<Error> lead_to_old(std::vector<RouteLead*>& due, Duration timeout) {
    std::optional<Error> first;
    std::erase_if(due, [&](RouteLead* lead) {
      try {
        lead->await_backend(Side::old_side, timeout);
        lead->lead(Side::old_side);
        stop_point("route-led-back");
        return true;
      } catch (Error& error) {
        if (error.kind() == ErrorKind::cancelled) {
          throw;
        }
        if (first) {
          context_.log().warning("{}", error.text());
        } else {
          first = std::move(error);
        }
        return false;
      }
    });
    return first;
  }

  [[noreturn]] void throw_left(Error error, const std::vector<RouteLead*>& left) const {
    if (leads_.size() > 1) {
      std::vector<std::string> names;
      for (const RouteLead* lead : left) {
        names.push_back(lead->route().ref().text());
      }
      error.set_hint(
          fmt::format("not led back to the old API: {}; all others are. The service is safe, it "
                      "runs on the old "
                      "database: mend the cause, then run `route-switch rollback` again",
                      quoted(names)));
    }
    throw Error(std::move(error));
  }

  cli::TaskContext& context_;
  Connections& connections_;
  std::vector<RouteLead> leads_;
};

}  // namespace

void lead_users(cli::TaskContext& context, Connections& connections,
                std::vector<cutover::RouteControl>& routes, Side to) {
  context.phase("route", [&] {
    Lead lead(context, connections, routes);
    if (to == Side::new_side) {
      lead.to_new();
    } else {
      lead.to_old();
    }
  });
}

}  // namespace crossover::route_switch
