#include "integration/property/seed_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "integration/property/coverage.h"
#include "integration/property/journey.h"

namespace crossover::test::property {
namespace {

using Now = std::chrono::steady_clock;

/// Hundreds of times what one takes.
constexpr std::chrono::seconds most_for_a_case{300};

/// What has become of one range.
struct Sum {
  SeedRange range;
  std::uint64_t left;  ///< seeds that have not ended
  Now::time_point start{};
  std::vector<std::uint64_t> failed{};
  std::set<std::string> releases{};
  std::uint64_t acknowledged = 0;
  Coverage coverage{};

  std::string json() const {
    return nlohmann::json{{"seeds", range.text()},
                          {"releases", releases},
                          {"failed", failed},
                          {"seconds", seconds(Now::now() - start)},
                          {"acknowledged", acknowledged},
                          {"covered", coverage.counts()}}
        .dump();
  }
};

/// What the workers share. All of its methods may be called by any of them.
class Board {
 public:
  Board(const std::vector<SeedRange>& ranges, Duration budget) : until_(Now::now() + budget) {
    for (const SeedRange& range : ranges) {
      sums_.push_back({.range = range, .left = range.last - range.first + 1});
    }
  }

  /// A seed that nobody has, and the range that it is of.
  std::optional<std::pair<std::uint64_t, Sum*>> take() {
    const std::lock_guard lock(mutex_);
    if (next_ == sums_.size()) {
      return std::nullopt;
    }
    Sum& sum = sums_[next_];
    if (taken_ == 0) {
      if (Now::now() > until_) {
        next_ = sums_.size();
        return std::nullopt;
      }
      sum.start = Now::now();
      print(fmt::format("seeds {}\n", sum.range.text()));
    }
    const std::uint64_t seed = sum.range.first + taken_++;
    if (seed == sum.range.last) {
      ++next_;
      taken_ = 0;
    }
    return std::pair(seed, &sum);
  }

  void ended(Sum& sum, const Case& drawn, const Outcome& outcome,
             const std::set<std::string>& releases) {
    const std::lock_guard lock(mutex_);
    sum.coverage.add(drawn, outcome);
    sum.acknowledged += outcome.acknowledged;
    sum.releases.insert(releases.begin(), releases.end());
    if (!outcome.failure.empty()) {
      sum.failed.push_back(drawn.seed);
      failed_.push_back(drawn.seed);
    }
    if (--sum.left == 0) {
      print("ended " + sum.json() + "\n");
    }
  }

  void say(const std::string& text) {
    const std::lock_guard lock(mutex_);
    print(text);
  }

  /// Begins, or with nothing ends, the time that the case of `seed` has.
  void running(std::uint64_t seed, std::optional<Now::time_point> since) {
    const std::lock_guard lock(mutex_);
    if (since) {
      running_[seed] = *since;
    } else {
      running_.erase(seed);
    }
  }

  /// A case that waits for ever can't be ended from outside, so all ends, with its seed. To be
  /// called now and then.
  void end_if_stuck() {
    const std::lock_guard lock(mutex_);
    for (const auto& [seed, since] : running_) {
      if (Now::now() - since > most_for_a_case) {
        print(
            fmt::format("seed {} has not ended within {:.0f} s\n", seed, seconds(most_for_a_case)));
        std::_Exit(2);
      }
    }
  }

  std::vector<std::uint64_t> failed() {
    const std::lock_guard lock(mutex_);
    std::sort(failed_.begin(), failed_.end());
    return failed_;
  }

 private:
  static void print(const std::string& text) { std::cout << text << std::flush; }

  std::mutex mutex_;
  Now::time_point until_;
  std::vector<Sum> sums_;
  std::size_t next_ = 0;     ///< the range that seeds are taken of
  std::uint64_t taken_ = 0;  ///< how many of them were
  std::vector<std::uint64_t> failed_;
  std::map<std::uint64_t, Now::time_point> running_;
};

/// Looks after the board while others work.
class Watch {
 public:
  explicit Watch(Board& board)
      : thread_([this, &board] {
          std::unique_lock lock(mutex_);
          while (!ended_.wait_for(lock, std::chrono::seconds(5), [this] { return over_; })) {
            board.end_if_stuck();
          }
        }) {}
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

/// One case after the other, on servers of its own: a case may stop them.
class Worker {
 public:
  Worker(Board& board, const SeedRunOptions& options) : board_(board), options_(options) {}

  void run() {
    while (const auto taken = board_.take()) {
      const Case drawn = draw_case(taken->first, options_.versions);
      const auto start = Now::now();
      board_.running(drawn.seed, start);
      const Outcome outcome = run_case(drawn, servers_);
      board_.running(drawn.seed, std::nullopt);
      board_.say(fmt::format("seed {}: PostgreSQL {} to {}, {:.1f} s\n", drawn.seed,
                             drawn.old_version, drawn.new_version, seconds(Now::now() - start)));
      if (!outcome.failure.empty()) {
        board_.running(drawn.seed, Now::now() + std::chrono::seconds(options_.shrink_seconds));
        explain(drawn, outcome);
        board_.running(drawn.seed, std::nullopt);
      }
      board_.ended(*taken->second, drawn, outcome, servers_.releases());
    }
  }

 private:
  void explain(const Case& drawn, const Outcome& outcome) {
    board_.say(
        fmt::format("seed {} fails: {}\n"
                    "it is run again by: CROSSOVER_TEST_VERSIONS='{}' CROSSOVER_TEST_SEEDS={} "
                    "property_test\nshrinking\n",
                    drawn.seed, outcome.failure, fmt::join(options_.versions, " "), drawn.seed));
    const Case smallest = shrink(drawn, servers_, options_.shrink_seconds);
    const std::string again = run_case(smallest, servers_).failure;
    board_.say(fmt::format("smallest case that was found of seed {}:\n{}\nit says: {}\n",
                           drawn.seed, smallest.text(),
                           again.empty() ? "(nothing this time)" : again));
  }

  Board& board_;
  const SeedRunOptions& options_;
  Servers servers_;
};

}  // namespace

std::string SeedRange::text() const { return fmt::format("{}..{}", first, last); }

std::vector<SeedRange> read_ranges(const std::string& text) {
  std::vector<SeedRange> found;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto dots = word.find("..");
    const std::uint64_t first = std::stoull(word);
    found.push_back(
        {first, dots == std::string::npos ? first : std::stoull(word.substr(dots + 2))});
  }
  return found;
}

std::vector<std::uint64_t> run_seeds(const std::vector<SeedRange>& ranges,
                                     const SeedRunOptions& options) {
  Board board(ranges, options.budget);
  const Watch watch(board);
  std::vector<std::thread> threads;
  // A server ends with the thread that has started it, so each worker is one.
  for (int i = 0; i < options.workers; ++i) {
    threads.emplace_back([&] { Worker(board, options).run(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return board.failed();
}

}  // namespace crossover::test::property
