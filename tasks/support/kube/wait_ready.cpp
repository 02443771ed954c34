#include "kube/wait_ready.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "kube/diagnose.h"
#include "kube/readiness.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr auto look_pause = std::chrono::milliseconds(500);
constexpr auto diagnose_pause = std::chrono::seconds(2);

/// One object that is waited for.
struct Waited {
  Ref ref;
  std::string told;                                    // the last reason that went to the log
  std::map<std::string, Clock::Monotonic> first_seen;  // of each cause
};

Error failure(const Ref& ref, const Cause& cause) {
  return {ErrorKind::failure, fmt::format("unable to bring up '{}': {}", ref.text(), cause.text()),
          cause.log.empty() ? "see 'oc describe " + cause.object + "'"
                            : "the last lines of its log are:\n" + cause.log};
}

/// A claim whose class binds it only when a pod comes is as it should be without one.
bool waits_for_consumer(Client& client, const json& object) {
  if (text_at(object, "/kind") != "PersistentVolumeClaim") {
    return false;
  }
  const std::vector<json> events = events_of(client, object);
  return !events.empty() && text_at(events.back(), "/reason") == "WaitForFirstConsumer";
}

class Waiter {
 public:
  Waiter(Client& client, std::span<const json> objects, Duration timeout, const Clock& clock,
         Log& log)
      : client_(client), clock_(clock), log_(log), timeout_(timeout), deadline_(clock, timeout) {
    for (const json& object : objects) {
      waited_.push_back({ref_of(object), {}, {}});
    }
    next_diagnosis_ = clock.now() + look_pause;
  }

  void run(const StopRequest& stop) {
    while (true) {
      look();
      if (waited_.empty()) {
        return;
      }
      stop.throw_if_requested();
      if (deadline_.passed()) {
        throw Error(
            ErrorKind::timeout,
            fmt::format("unable to bring up '{}': {} after {:g} s", waited_.front().ref.text(),
                        waited_.front().told, std::round(seconds(timeout_) * 10) / 10),
            "run again to go on waiting, or see 'oc describe " + waited_.front().ref.text() + "'");
      }
      clock_.sleep(look_pause);
    }
  }

 private:
  void look() {
    std::vector<Ref> refs;
    for (const Waited& waited : waited_) {
      refs.push_back(waited.ref);
    }
    const std::vector<std::optional<json>> live = client_.find_all(refs);
    const bool diagnosing = clock_.now() >= next_diagnosis_;
    std::vector<Waited> left;
    for (std::size_t index = 0; index < waited_.size(); ++index) {
      if (!is_done(waited_[index], live[index].value_or(json()), diagnosing)) {
        left.push_back(std::move(waited_[index]));
      }
    }
    waited_ = std::move(left);
    if (diagnosing) {
      next_diagnosis_ = clock_.now() + diagnose_pause;
    }
  }

  bool is_done(Waited& waited, const json& object, bool diagnosing) {
    const Readiness state = readiness(object);
    if (state.state == ReadyState::ready) {
      log_.info("{} is ready", waited.ref.text());
      return true;
    }
    if (state.state == ReadyState::failed) {
      const std::vector<Cause> causes = diagnose(client_, object);
      if (!causes.empty()) {
        throw failure(waited.ref, causes.front());
      }
      throw Error(ErrorKind::failure,
                  fmt::format("unable to bring up '{}': {}", waited.ref.text(), state.reason),
                  "see 'oc describe " + waited.ref.text() + "'");
    }
    if (state.reason != waited.told) {
      waited.told = state.reason;
      log_.info("waiting for {}: {}", waited.ref.text(), state.reason);
    }
    if (!diagnosing || object.is_null()) {
      return false;
    }
    for (const Cause& cause : diagnose(client_, object)) {
      const auto seen = waited.first_seen.try_emplace(cause.object + cause.reason, clock_.now());
      if (clock_.now() - seen.first->second >= cause.grace) {
        throw failure(waited.ref, cause);
      }
    }
    return waits_for_consumer(client_, object);
  }

  Client& client_;
  const Clock& clock_;
  Log& log_;
  Duration timeout_;
  Deadline deadline_;
  std::vector<Waited> waited_;
  Clock::Monotonic next_diagnosis_;
};

}  // namespace

void wait_ready(Client& client, std::span<const json> objects, Duration timeout, const Clock& clock,
                Log& log, const StopRequest& stop) {
  Waiter(client, objects, timeout, clock, log).run(stop);
}

}  // namespace crossover::kube
