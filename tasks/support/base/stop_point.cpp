#include "base/stop_point.h"

#ifdef CROSSOVER_STOP_POINTS
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace crossover {

void stop_point(std::string_view name) {
  const char* wanted = std::getenv("CROSSOVER_STOP_AT");
  if (wanted == nullptr) {
    return;
  }
  std::string_view spec(wanted);
  const auto colon = spec.rfind(':');
  if (colon == std::string_view::npos) {
    return;
  }
  std::string_view point = spec.substr(0, colon);
  int nth = 1;
  if (const auto hash = point.find('#'); hash != std::string_view::npos) {
    nth = std::stoi(std::string(point.substr(hash + 1)));
    point = point.substr(0, hash);
  }
  static std::atomic<int> passed{0};
  if (point != name || ++passed != nth) {
    return;
  }
  std::raise(spec.substr(colon + 1) == "stop" ? SIGSTOP : SIGKILL);
}

}  // namespace crossover
#endif
