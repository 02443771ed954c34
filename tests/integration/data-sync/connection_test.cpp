// Networks that cut connections, lose them without a word, or stand still, in each phase.
#include <memory>

#include "fixtures/proxy/tcp_proxy.h"
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

/// Both databases, each behind a network of its own; the service's writers go round it.
struct Behind {
  Behind() {
    place.reach_by(old_network.port(), new_network.port());
    place.configure("  workers: 1\n");  // so that a step stands at one place
  }
  TcpProxy& network(Side side) { return side == Side::old_side ? old_network : new_network; }
  std::string at(Side side) { return fmt::format("'127.0.0.1:{}/app'", network(side).port()); }

  World world{15, 17};
  TcpProxy old_network{world.old_server.port()};
  TcpProxy new_network{world.new_server.port()};
  Place place{world};
};

/// A moment of a step, and what the step is.
struct Moment {
  std::vector<std::string> step;
  std::string point;
};

const Moment closing{{"start"}, "gate-installed#2"};  // of the new side's gates
const Moment installing{{"start"}, "capture-installed#2"};
const Moment copying{{"start"}, "copy-loaded#2"};
const Moment following{{"follow"}, "drain-read#2"};
const Moment verifying{{"verify"}, "verify-table#2"};

constexpr auto run_again =
    "run the same command again when both databases answer: it goes on from where it was";

void expect_error(const json& result, const std::string& message, const std::string& sqlstate) {
  CHECK(result["error"]["message"] == message);
  CHECK(result["error"]["hint"] == run_again);
  CHECK(result["error"]["sqlstate"] == sqlstate);
}

/// What keeps another run out, once the servers have had a moment to notice that the first is gone.
std::int64_t locks_left(World& world) {
  return left_after_a_moment([&] {
    std::int64_t left = 0;
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = world.databases.at(side).open("check");
      left +=
          session.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").int64(0, 0);
    }
    return left;
  });
}

/// Whoever ran the step runs it again, once the servers have noticed, too.
void go_on(Behind& behind, const Moment& moment, Writers& writers) {
  CHECK(locks_left(behind.world) == 0);
  // Else a new connection may get the port of a lost one, and nothing through.
  behind.old_network.cut();
  behind.new_network.cut();
  const Place& place = behind.place;
  if (moment.step.front() == "start") {
    place.run(0, {"start"});
  }
  carry_the_rest(place, writers);
}

/// A step on its way through a network that has just lost what it carried.
struct HalfOpen {
  HalfOpen(Moment a_moment, Side a_side) : moment(std::move(a_moment)), side(a_side) {
    if (moment.step.front() != "start") {
      behind.place.run(0, {"start"});
    }
    writers.emplace(behind.world.old_server, 1);
    step.emplace(behind.place, moment.step, moment.point);
    behind.network(side).swallow();
    woken = std::chrono::steady_clock::now();
    step->wake();
  }
  Moment moment;
  Side side;
  Behind behind{};
  std::optional<Writers> writers{};
  std::optional<Halted> step{};
  std::chrono::steady_clock::time_point woken{};
};

}  // namespace

TEST_CASE("a half-open connection ends a step in time, and the next run goes on") {
  using Moments = std::vector<std::pair<Moment, Side>>;
  const auto moments = GENERATE(Moments{{verifying, Side::new_side},
                                        {following, Side::old_side},
                                        {copying, Side::old_side},
                                        {copying, Side::new_side},
                                        {installing, Side::old_side}},
                                Moments{{following, Side::new_side},
                                        {closing, Side::new_side},
                                        {installing, Side::new_side},
                                        {verifying, Side::old_side}});
  std::vector<std::unique_ptr<HalfOpen>> trials;  // which wait for the kernel side by side
  for (const auto& [moment, side] : moments) {
    trials.push_back(std::make_unique<HalfOpen>(moment, side));
  }
  for (const auto& trial : trials) {
    CAPTURE(trial->moment.point, sync::name(trial->side));
    Behind& behind = trial->behind;
    // tcp_user_timeout, or keepalives, with the second that a keepalive takes; and what goes
    // before.
    const process::Outcome outcome = trial->step->end(std::chrono::seconds(15));
    expect_error(behind.place.result(1, outcome),
                 "unable to run a statement on " + behind.at(trial->side) +
                     ": could not receive data from server: Connection timed out",
                 "08006");
    go_on(behind, trial->moment, *trial->writers);
  }
}

TEST_CASE("a cut connection ends a step at once, and the next run goes on") {
  Behind behind;
  const Place& place = behind.place;
  const auto trial = [&](const Moment& moment, Side side) {
    CAPTURE(moment.point, sync::name(side));
    Writers writers(behind.world.old_server, 2);
    Halted step(place, moment.step, moment.point);
    behind.network(side).cut();
    expect_error(place.result(1, step.go_on(std::chrono::seconds(5))),
                 "unable to run a statement on " + behind.at(side) +
                     ": server closed the connection unexpectedly",
                 "08006");
    go_on(behind, moment, writers);
  };
  for (const auto& [moment, side] :
       {std::pair(installing, Side::old_side), std::pair(copying, Side::old_side),
        std::pair(copying, Side::new_side)}) {
    trial(moment, side);
    place.run(0, {"abort"});
    empty_new_side(behind.world);
  }
  place.run(0, {"start"});
  for (const Moment& moment : {following, verifying}) {
    for (const Side side : {Side::old_side, Side::new_side}) {
      trial(moment, side);
    }
  }
}

TEST_CASE("a commit whose answer was lost is neither repeated nor forgotten") {
  Behind behind;
  const Place& place = behind.place;
  for (const auto delivery : {TcpProxy::Delivery::withheld, TcpProxy::Delivery::answered}) {
    CAPTURE(delivery == TcpProxy::Delivery::answered);
    for (const Moment& moment : {copying, following}) {
      CAPTURE(moment.point);
      Writers writers(behind.world.old_server, 2);
      Halted step(place, moment.step, moment.point);
      behind.new_network.cut_at("COMMIT", delivery);
      expect_error(place.result(1, step.go_on()),
                   "unable to commit on " + behind.at(Side::new_side) +
                       ": the connection was lost before the answer came, so it is in doubt "
                       "whether the transaction was committed",
                   "08007");
      CHECK(behind.new_network.wait_for_cut(std::chrono::seconds(1)));
      go_on(behind, moment, writers);
    }
    place.run(0, {"abort"});
    empty_new_side(behind.world);
  }
}

TEST_CASE("over a long way every step ends as over a short one") {
  Behind behind;
  for (TcpProxy* network : {&behind.old_network, &behind.new_network}) {
    network->set_delay(std::chrono::milliseconds(10));
  }
  Writers writers(behind.world.old_server, 2);
  behind.place.run(0, {"start"});
  behind.place.run(0, {"verify"});
  carry_the_rest(behind.place, writers);
  behind.place.run(0, {"abort"});
}

// To the kernel an end that takes nothing in for long is a lost one, with tcp_user_timeout set.
TEST_CASE("a copy outlasts a target that takes nothing in for longer than tcp_user_timeout") {
  Behind behind;
  // More than all the buffers on the way, so that the source must wait, too.
  behind.world.old_server.connect("app").batch(
      "INSERT INTO public.event (token, role_id, body) SELECT 'large ' || i, 1, "
      "to_jsonb(repeat('x', 1000)) FROM generate_series(1, 30000) i");
  Writers writers(behind.world.old_server, 2);
  Halted step(behind.place, {"start"}, "copy-truncated");
  const auto begun = behind.new_network.bytes() + 1000000;
  step.wake();
  while (behind.new_network.bytes() < begun) {
    std::this_thread::yield();
  }
  behind.new_network.stall();
  std::this_thread::sleep_for(postgres::ConnectionOptions{}.tcp_user_timeout +
                              std::chrono::seconds(1));
  behind.new_network.resume();
  behind.place.result(0, step.end());
  carry_the_rest(behind.place, writers);
}
