#include <signal.h>
#include <sys/wait.h>

#include <functional>
#include <regex>
#include <utility>

#include "fixtures/postgres/daemon.h"
#include "http/client.h"
#include "integration/data-sync/place.h"
#include "process/spawn.h"

namespace crossover::test {
namespace {

/// What the page says of one figure; -1 when it does not.
double figure(const std::string& page, const std::string& name,
              const std::string& direction = "forward") {
  std::smatch found;
  const std::regex line("\ncrossover_follow_" + name + R"(\{migration="test",direction=")" +
                        direction + R"("\} ([0-9.]+)\n)");
  return std::regex_search(page, found, line) ? std::stod(found[1]) : -1;
}

/// `data-sync follow` in the background, until this object goes.
class Followed {
 public:
  explicit Followed(const Place& place, const std::vector<std::string>& more = {})
      : port_(free_port()) {
    process::Command command;
    command.argv = {CROSSOVER_DATA_SYNC, "follow", "--metrics-bind-address",
                    fmt::format("127.0.0.1:{}", port_)};
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    command.directory = place.directory.path();
    command.secret_environment = {{"TEST_PASSWORD", place.world.old_server.options().password}};
    child_ = process::spawn(command);
  }
  ~Followed() {
    if (child_.pid > 0) {
      ::kill(child_.pid, SIGKILL);
      ::waitpid(child_.pid, nullptr, 0);
    }
  }
  Followed(const Followed&) = delete;
  Followed& operator=(const Followed&) = delete;

  /// The page, once `seen` is true for it.
  std::string page(const std::function<bool(const std::string&)>& seen) const {
    http::Request request;
    request.url = fmt::format("http://127.0.0.1:{}/metrics", port_);
    const SystemClock clock;
    for (const Deadline deadline(clock, std::chrono::seconds(30)); !deadline.passed();) {
      try {
        std::string page = http::make_client({})->send(request).body;
        if (seen(page)) {
          return page;
        }
      } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is not up yet
      }
    }
    FAIL("no such page within 30 s");
    return {};
  }

  /// Asks it to end; its exit code.
  int end() {
    ::kill(child_.pid, SIGTERM);
    int status = -1;
    ::waitpid(std::exchange(child_.pid, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int port() const { return port_; }

 private:
  int port_;
  process::Child child_;
};

}  // namespace

TEST_CASE("a follower tells a Prometheus server what it carries and what is left") {
  World world(15, 17);
  const Place place(world);
  place.run(0, {"start"});
  Followed follower(place);
  Writers writers(world.old_server, 2);
  const std::string page = follower.page([](const std::string& text) {
    return figure(text, "rows_total") > 0 && figure(text, "lag_entries") >= 0;
  });
  CHECK(figure(page, "drains_total") >= 1);
  CHECK(figure(page, "keys_total") >= figure(page, "drains_total"));
  CHECK(figure(page, "log_bytes") > 0);
  const double now = seconds(SystemClock().wall().time_since_epoch());
  CHECK(std::abs(now - figure(page, "last_drain_timestamp_seconds")) < 60);
  CHECK(figure(page, "last_drain_duration_seconds") > 0);
  const nlohmann::json taken = place.run(
      3, {"follow", "--metrics-bind-address", fmt::format("127.0.0.1:{}", follower.port())});
  CHECK(taken["error"]["message"] ==
        fmt::format("unable to listen at '127.0.0.1:{}': Address already in use", follower.port()));
  // Who could not even begin has not taken the follower's place.
  const double drains =
      figure(follower.page([](const std::string&) { return true; }), "drains_total");
  follower.page([&](const std::string& text) { return figure(text, "drains_total") > drains + 2; });
  CHECK(follower.end() == 0);
  carry_the_rest(place, writers);
}

TEST_CASE("a reverse follower tells of the way back") {
  World world(15, 17);
  const Place place(world);
  move_to_new(place);
  world.new_db.open("switch").batch(  // as a switch does
      "SELECT setval(pg_get_serial_sequence('public.event', 'id'), 100000)");
  Followed follower(place, {"--reverse"});
  Writers writers(world.new_server, 2);
  const std::string page = follower.page([](const std::string& text) {
    return figure(text, "rows_total", "reverse") > 0 && figure(text, "lag_entries", "reverse") >= 0;
  });
  CHECK(figure(page, "log_bytes", "reverse") > 0);
  CHECK(figure(page, "drains_total", "reverse") >= 1);
  for (const char* name : {"rows_total", "log_bytes", "lag_entries"}) {
    CHECK(figure(page, name) == -1);
  }
  CHECK(follower.end() == 0);
  carry_the_rest(place, writers, {"--reverse"});
}

}  // namespace crossover::test
