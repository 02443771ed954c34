#include "route-switch/replicas.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "cutover/replicas.h"

namespace crossover::route_switch {

void report_replicas(cli::TaskContext& context, const sync::Database& left,
                     sync::Side side) noexcept {
  constexpr auto patience = std::chrono::seconds(10);
  const std::string name = fmt::format("{} replicas", sync::name(side));
  try {
    postgres::Session session = left.open("replicas");
    const auto replicas =
        cutover::await_replicas(session, patience, context.clock(), context.stop());
    const std::vector<std::string> behind = cutover::replicas_behind(replicas);
    if (behind.empty()) {
      context.result().add_check(
          name, cli::CheckOutcome::pass,
          fmt::format("{} stream from the {} database, and have its closed gate on disk",
                      replicas.size(), sync::name(side)));
      return;
    }
    context.result().add_check(
        name, cli::CheckOutcome::warn,
        fmt::format("without the closed gate of the {} database on disk: {}; promoted now, they "
                    "would take writes",
                    sync::name(side), fmt::join(behind, ", ")));
  } catch (const std::exception& error) {
    context.log().warning("the replicas of the {} database were not looked at: {}",
                          sync::name(side), error.what());
  }
}

void report_replicas(cli::TaskContext& context, const std::vector<cutover::Replica>& replicas,
                     sync::Side side) {
  const std::string name = fmt::format("{} replicas", sync::name(side));
  const std::vector<std::string> behind = cutover::replicas_behind(replicas);
  if (behind.empty()) {
    context.result().add_check(name, cli::CheckOutcome::pass,
                               fmt::format("{} stream from the {} database, and have the switch on "
                                           "disk",
                                           replicas.size(), sync::name(side)));
    return;
  }
  context.result().add_check(
      name, cli::CheckOutcome::warn,
      fmt::format(
          "without the switch on disk: {}; if one of them is promoted now, the guards bring "
          "the service back to the {} database; run this step again when they have caught "
          "up, which ends that",
          fmt::join(behind, ", "), sync::name(sync::other(side))));
}

}  // namespace crossover::route_switch
