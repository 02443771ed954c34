#include "base/clock.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/clock_put_forward.h"

namespace crossover {

#ifdef CROSSOVER_STOP_POINTS
namespace {
std::atomic<Duration> put_forward{Duration::zero()};
}
void put_clocks_forward(Duration time) { put_forward = put_forward.load() + time; }
#else
namespace {
constexpr std::atomic<Duration> put_forward{Duration::zero()};
}
#endif

Clock::Monotonic SystemClock::now() const {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<Monotonic::duration>(put_forward.load());
}

Clock::Wall SystemClock::wall() const {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<Wall::duration>(put_forward.load());
}

void SystemClock::sleep(Duration duration) const { std::this_thread::sleep_for(duration); }

Duration Deadline::left() const {
  return std::max(Duration::zero(), std::chrono::duration_cast<Duration>(end_ - clock_->now()));
}

std::string rfc3339(Clock::Wall time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time - whole).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), millis);
}

}  // namespace crossover
