#include "base/parallel.h"

#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace crossover {
namespace {

/// Keeps the failure that came first. Thread-safe.
class FirstFailure {
 public:
  explicit FirstFailure(GivenUp& given_up) : given_up_(given_up) {}

  template <typename Body>
  void guard(Body&& body) noexcept {
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) {
        failure_ = std::current_exception();
      }
      given_up_.set();
    }
  }
  void rethrow() const {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

 private:
  GivenUp& given_up_;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void run_parallel(unsigned workers,
                  const std::function<void(unsigned worker, const GivenUp& given_up)>& work) {
  GivenUp given_up;
  FirstFailure failure(given_up);
  {
    std::vector<std::jthread> threads;
    failure.guard([&] {
      threads.reserve(workers);
      for (unsigned worker = 1; worker < workers; ++worker) {
        threads.emplace_back([&, worker] { failure.guard([&] { work(worker, given_up); }); });
      }
    });
    failure.guard([&] {
      if (!given_up) {
        work(0, given_up);
      }
    });
  }
  failure.rethrow();
}

}  // namespace crossover
