#include "base/stop_point.h"

#ifdef CROSSOVER_STOP_POINTS
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/clock_put_forward.h"

namespace crossover {
namespace {

void act(std::string_view action) {
  if (action == "days") {
    put_clocks_forward(std::chrono::hours(72));
  } else {
    std::raise(action == "stop" ? SIGSTOP : SIGKILL);
  }
}

// `NAME[#NTH]:ACTION`, which counts in `passed` how often the process has come by.
void stop_where_wanted(std::string_view wanted, std::string_view name, std::atomic<int>& passed) {
  const auto colon = wanted.rfind(':');
  if (colon == std::string_view::npos) {
    return;
  }
  std::string_view point = wanted.substr(0, colon);
  int nth = 1;
  if (const auto hash = point.find('#'); hash != std::string_view::npos) {
    nth = std::stoi(std::string(point.substr(hash + 1)));
    point = point.substr(0, hash);
  }
  if (point == "*") {
    const std::string line = "stop point " + std::string(name) + "\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  } else if (point == name && ++passed == nth) {
    act(wanted.substr(colon + 1));
  }
}

}  // namespace

void stop_point(std::string_view name) {
  const char* environment = std::getenv("CROSSOVER_STOP_AT");
  if (environment == nullptr) {
    return;
  }
  static std::array<std::atomic<int>, 4> passed{};
  std::string_view rest(environment);
  for (std::atomic<int>& counter : passed) {
    const std::string_view wanted = rest.substr(0, rest.find(','));
    stop_where_wanted(wanted, name, counter);
    rest.remove_prefix(std::min(rest.size(), wanted.size() + 1));
  }
}

}  // namespace crossover
#endif
