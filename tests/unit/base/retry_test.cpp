#include "base/retry.h"

#include <catch2/catch.hpp>

using namespace crossover;
using namespace std::chrono_literals;

namespace {

class ManualClock final : public Clock {
 public:
  Monotonic now() const override { return now_; }
  Wall wall() const override { return Wall{}; }
  void sleep(Duration duration) const override { now_ += duration; }

 private:
  mutable Monotonic now_{};
};

bool always(const Error& /*error*/) { return true; }

}  // namespace

TEST_CASE("retry ends with the first success") {
  ManualClock clock;
  StopRequest stop;
  int calls = 0;
  retry(clock, stop, RetryPolicy{1s}, always, [&] {
    if (++calls < 3) throw Error(ErrorKind::failure, "not yet");
  });
  CHECK(calls == 3);
}

TEST_CASE("retry gives up inside its budget and says how often it tried") {
  ManualClock clock;
  StopRequest stop;
  const auto start = clock.now();
  try {
    retry(clock, stop, RetryPolicy{.budget = 1s, .jitter = 0.0}, always,
          [] { throw Error(ErrorKind::timeout, "locked"); });
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.text() == "gave up after 5 attempts: locked");
    CHECK(error.kind() == ErrorKind::timeout);
  }
  CHECK(clock.now() - start <= 1s);
}

TEST_CASE("retry does not repeat what is not retriable, nor after a stop request") {
  ManualClock clock;
  StopRequest stop;
  int calls = 0;
  CHECK_THROWS_AS(retry(
                      clock, stop, RetryPolicy{1s}, [](const Error&) { return false; },
                      [&] {
                        ++calls;
                        throw Error(ErrorKind::failure, "no");
                      }),
                  Error);
  CHECK(calls == 1);
  stop.request();
  CHECK_THROWS_WITH(retry(clock, stop, RetryPolicy{1s}, always, [] {}), "stopped on request");
}

TEST_CASE("pauses grow, are capped and shortened by at most the jitter") {
  const RetryPolicy policy{.budget = 1s, .first_pause = 100ms, .longest_pause = 300ms};
  CHECK(retry_pause(policy, 1, 0.0) == 100ms);
  CHECK(retry_pause(policy, 2, 0.0) == 200ms);
  CHECK(retry_pause(policy, 9, 0.0) == 300ms);
  CHECK(retry_pause(policy, 1, 0.999) >= 50ms);
}
