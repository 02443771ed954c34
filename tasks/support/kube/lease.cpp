#include "kube/lease.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kube/credentials.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr const char* lease_api_version = "coordination.k8s.io/v1";
constexpr int write_tries = 5;
constexpr auto observe_pause = std::chrono::milliseconds(250);
/// Clocks of two hosts may differ by so much; a renewal older than that is dead without watching.
constexpr auto clock_skew = std::chrono::seconds(60);

/// metav1.MicroTime has six digits.
std::string micro_time(Clock::Wall time) {
  std::string text = rfc3339(time);
  text.insert(text.size() - 1, "000");
  return text;
}

struct Held {
  std::string holder;
  std::string since;
  std::string renewed;
  bool operator==(const Held& other) const = default;
};

Held held_in(const json& lease) {
  return {text_at(lease, "/spec/holderIdentity"), text_at(lease, "/spec/acquireTime"),
          text_at(lease, "/spec/renewTime")};
}

Duration duration_in(const json& lease, Duration otherwise) {
  const std::int64_t value = integer_at(lease, "/spec/leaseDurationSeconds");
  return value > 0 ? Duration(std::chrono::seconds(value)) : otherwise;
}

}  // namespace

std::string lease_holder(const std::string& task, const std::string& run_id) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("{}@{} {} {}", task, host.data(), getpid(), run_id);
}

/// Holds the Lease: takes it, renews it in a thread, lets it go.
class Lease::Keeper {
 public:
  Keeper(Client& client, LeaseOptions options, const Clock& clock, Log& log)
      : client_(client), options_(std::move(options)), clock_(clock), log_(log) {
    acquire();
    thread_ = std::thread([this] { renew_all(); });
  }

  ~Keeper() { release(); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  bool held() const {
    const std::lock_guard lock(mutex_);
    return !lost_ && clock_.now() < renewed_ + options_.duration;
  }

  void throw_if_lost() const {
    if (held()) {
      return;
    }
    const std::lock_guard lock(mutex_);
    throw Error(ErrorKind::locked,
                fmt::format("unable to keep the lock of migration '{}': {}", options_.migration,
                            lost_ ? loss_ : "it could not be renewed in time: " + loss_),
                "run again: what was done so far is kept");
  }

  void release() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (!thread_.joinable()) {
      return;
    }
    thread_.join();
    try {
      if (held()) {
        free_it();
      }
    } catch (const std::exception&) {
      // It expires by itself.
      return;
    }
    const std::lock_guard lock(mutex_);
    lost_ = true;
    loss_ = "it has been released";
  }

 private:
  // Renewals are worth nothing later than that.
  WriteOptions in_time() const {
    WriteOptions options;
    options.timeout = options_.duration / 3;
    return options;
  }

  void free_it() {
    json free = lease_;
    free["spec"]["holderIdentity"] = "";
    try {
      client_.replace(free, in_time());
    } catch (const Error& error) {
      if (!in_doubt(error)) {
        throw;
      }
      client_.replace(free, in_time());  // does nothing where the first one arrived: a conflict
    }
  }

  Ref ref() const {
    return {lease_api_version, "Lease", options_.ns, "crossover-" + options_.migration};
  }

  void acquire() {
    for (int attempt = 1;; ++attempt) {
      std::optional<json> live = client_.find(ref());
      if (live && !may_take(*live)) {
        live = outwait(*live);
      }
      try {
        lease_ = live ? take(std::move(*live)) : make();
        renewed_ = clock_.now();
        return;
      } catch (const Error& error) {
        // Somebody else was faster, or we were and did not hear of it: look again who.
        if ((error.http_status() != 409 && !in_doubt(error)) || attempt == write_tries) {
          throw;
        }
      }
    }
  }

  bool may_take(const json& lease) const {
    const Held held = held_in(lease);
    if (held.holder.empty() || held.holder == options_.holder) {
      return true;
    }
    const std::optional<Clock::Wall> renewed = parse_rfc3339(held.renewed);
    if (!renewed || *renewed + duration_in(lease, options_.duration) + clock_skew < clock_.wall()) {
      return true;
    }
    return options_.take_over_if && options_.take_over_if(held.holder);
  }

  /// Waits until the holder shows that it lives, which is an error, or that it does not. Returns
  /// the Lease as it is then, nullopt when it is gone.
  std::optional<json> outwait(const json& seen) const {
    const Held before = held_in(seen);
    log_.info("migration '{}' is held by '{}': waiting to see whether it lives", options_.migration,
              before.holder);
    const Deadline deadline(clock_, duration_in(seen, options_.duration));
    while (!deadline.passed()) {
      clock_.sleep(observe_pause);
      std::optional<json> live = client_.find(ref());
      if (!live || held_in(*live).holder.empty()) {
        return live;
      }
      const Held now = held_in(*live);
      if (now != before) {
        throw Error(ErrorKind::locked,
                    fmt::format("unable to lock migration '{}': held by '{}' since {}",
                                options_.migration, now.holder, now.since),
                    "wait until that run has ended, or end it, then run again");
      }
    }
    log_.warning("taking over migration '{}': '{}' has not renewed its lock", options_.migration,
                 before.holder);
    return seen;
  }

  json spec() const {
    const std::string now = micro_time(clock_.wall());
    return {{"holderIdentity", options_.holder},
            {"leaseDurationSeconds",
             std::chrono::ceil<std::chrono::seconds>(options_.duration).count()},
            {"acquireTime", now},
            {"renewTime", now}};
  }

  json make() const {
    json lease = {{"apiVersion", lease_api_version},
                  {"kind", "Lease"},
                  {"metadata", {{"name", ref().name}}},
                  {"spec", spec()}};
    if (!options_.ns.empty()) {
      lease["metadata"]["namespace"] = options_.ns;
    }
    return client_.create(lease);
  }

  json take(json lease) const {
    const std::int64_t transitions = integer_at(lease, "/spec/leaseTransitions");
    lease["spec"] = spec();
    lease["spec"]["leaseTransitions"] = transitions + 1;
    return client_.replace(lease);
  }

  void renew_all() noexcept {
    std::unique_lock lock(mutex_);
    Duration pause = options_.duration / 3;
    while (!stopping_ && !lost_) {
      if (wake_.wait_for(lock, pause, [this] { return stopping_; })) {
        return;
      }
      lock.unlock();
      pause = options_.duration / (renew() ? 3 : 30);
      lock.lock();
    }
  }

  /// Returns whether there is time until the next. Where the answer is lost there is not; that the
  /// first one may have arrived does no harm, it makes the next a conflict.
  bool renew() noexcept {
    std::string failure;
    try {
      const Clock::Monotonic asked = clock_.now();
      json next = lease_;
      next["spec"]["renewTime"] = micro_time(clock_.wall());
      next = client_.replace(next, in_time());
      const std::lock_guard lock(mutex_);
      lease_ = std::move(next);
      renewed_ = asked;  // not later: the others count from what they saw
      return true;
    } catch (const Error& error) {
      failure = error.text();
      if (error.http_status() == 409 || error.http_status() == 404) {
        look_again();
        return false;
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    const std::lock_guard lock(mutex_);
    loss_ = failure;
    return false;
  }

  /// Somebody wrote it: as long as we are still named, what they wrote is kept.
  void look_again() noexcept {
    try {
      const std::optional<json> live = client_.find(ref());
      const std::string holder = live ? held_in(*live).holder : "";
      const std::lock_guard lock(mutex_);
      if (holder == options_.holder) {
        lease_ = *live;
        return;
      }
      lost_ = true;
      loss_ = live ? fmt::format("'{}' has taken it", holder) : "it has been deleted";
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      loss_ = error.what();
    }
  }

  Client& client_;
  const LeaseOptions options_;
  const Clock& clock_;
  Log& log_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  json lease_;  // of the renewing thread while it runs
  Clock::Monotonic renewed_;
  bool stopping_ = false;
  bool lost_ = false;
  std::string loss_;
  std::thread thread_;
};

Lease::Lease(Client& client, LeaseOptions options, const Clock& clock, Log& log)
    : keeper_(std::make_unique<Keeper>(client, std::move(options), clock, log)) {}

Lease::~Lease() = default;

bool Lease::held() const { return keeper_->held(); }
void Lease::throw_if_lost() const { keeper_->throw_if_lost(); }
void Lease::release() noexcept { keeper_->release(); }

std::optional<LeaseState> read_lease(Client& client, const std::string& ns,
                                     const std::string& migration, const Clock& clock) {
  const std::optional<json> live =
      client.find({lease_api_version, "Lease", ns, "crossover-" + migration});
  if (!live) {
    return std::nullopt;
  }
  const Held held = held_in(*live);
  const std::optional<Clock::Wall> renewed = parse_rfc3339(held.renewed);
  const bool expired =
      !renewed || *renewed + duration_in(*live, std::chrono::seconds(15)) < clock.wall();
  return LeaseState{held.holder, held.since, held.renewed, expired};
}

}  // namespace crossover::kube
