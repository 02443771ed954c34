// The ways from a switch to the databases fail in its pause, and the databases' servers restart.
#include "integration/cutover/far_service.h"

namespace crossover::test {
namespace {

using std::chrono::milliseconds;

// Where what was decided last differs: nothing yet, the source closed, the target committed.
const std::vector<std::string> decisive = {"switch-paused", "switch-closed", "switch-committed"};

constexpr std::array both_sides_of_a_move = {Side::old_side, Side::new_side};

TEST_CASE("the way to either database is cut, slow or half-open in the pause") {
  FarService far;
  for (const std::string& point : decisive) {
    for (const Side side : both_sides_of_a_move) {
      INFO("the way to the " << sync::name(side) << " database");
      TcpProxy& network = far.network(side);
      far.survives_at(
          point, [&] { network.cut(); }, [] {}, milliseconds(2500));
      far.survives_at(
          point, [&] { network.swallow(); }, [] {}, milliseconds(4500));
      far.is_guarded_at(
          point, [&] { network.set_delay(milliseconds(200)); },
          [&] { network.set_delay(milliseconds(0)); }, milliseconds(4500));
    }
  }
  far.check_all_there();
}

TEST_CASE("nothing reaches a database any more: the guard, which does, brings the service back") {
  FarService far;
  for (const std::string& point : decisive) {
    for (const Side side : both_sides_of_a_move) {
      INFO("the way to the " << sync::name(side) << " database");
      TcpProxy& network = far.network(side);
      far.is_guarded_at(
          point, [&] { network.stall(); }, [&] { network.resume(); }, milliseconds(4500));
    }
  }
  far.check_all_there();
}

TEST_CASE("either server restarts in the pause") {
  FarService far;
  for (const std::string& point : decisive) {
    for (const Side side : both_sides_of_a_move) {
      for (const auto mode : {PostgresServer::Stop::fast, PostgresServer::Stop::immediate}) {
        INFO("the " << sync::name(side) << " server, "
                    << (mode == PostgresServer::Stop::fast ? "fast" : "immediate"));
        far.survives_at(
            point, [&] { far.service.server(side).restart(mode); }, [] {}, milliseconds(6000));
      }
    }
  }
  far.check_all_there();
}

}  // namespace
}  // namespace crossover::test
