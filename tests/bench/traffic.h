#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "postgres/session.h"

namespace crossover::bench {

/// The tables that the load writes, and rows that are there before it.
void make_traffic_schema(postgres::Session& session);
void fill_traffic_tables(postgres::Session& session, std::int64_t events);

/// The writes of one part of the load.
struct Period {
  double seconds = 0;
  std::uint64_t acknowledged = 0;
  double median_ms = 0;  ///< of a write, from its first statement to the answer to its last
  double p99_ms = 0;
  double slowest_ms = 0;
};

/// What the load was told, compared with what one database has.
struct Figures {
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;    ///< writes that ended with an error; each counts once and is dropped
  std::uint64_t retried = 0;   ///< attempts that ended with 40001; the write was tried again
  std::uint64_t lost = 0;      ///< acknowledged, and not in the database
  std::uint64_t doubled = 0;   ///< in the database more than once
  std::uint64_t in_doubt = 0;  ///< failed, and in the database all the same
  std::uint64_t wrong_counters = 0;  ///< rows whose count is not that of their writes
  std::uint64_t missing_rows = 0;    ///< of those that were there before the load
  double writes_per_second = 0;      ///< before the mark
  double longest_gap_ms = 0;         ///< without an acknowledged write of anybody, after the mark
  double worst_writer_ms = 0;        ///< the same of the writer that had the longest
  double gap_before_ms = 0;          ///< the longest of anybody before the mark
  std::map<std::string, std::uint64_t> failures;  ///< first line of the message -> how often
  std::vector<Period> periods;  ///< each from one mark to the next, and the last to the end
};

/// A service of sixteen sessions that writes `rate` times a second by schedule: what was held up is
/// made up for, up to 20 writes of each session. Three kinds of writes (a counter incremented by
/// UPDATE, a counter read and then written as an absolute value, an insert) at the three isolation
/// levels, each with a token of its own in the same transaction. A write that fails with 40001 is
/// tried again, as applications at these levels must; any other error is its caller's and drops it.
class Traffic {
 public:
  /// Begins to write to `place`.
  Traffic(postgres::ConnectionOptions place, int rate);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// From the first one on gaps count as the cutover's; each begins a period.
  void mark();
  /// From here on; more than the machine holds makes each session write as fast as it can.
  void set_rate(int rate);
  /// The sessions connect to `place` instead, each between two writes and not all at once but
  /// evenly over `spread`, as the connections of a Route move.
  void repoint(postgres::ConnectionOptions place, std::chrono::milliseconds spread);
  /// The service is not there: whatever should be written meanwhile fails.
  void set_down(bool down);
  void stop();
  std::uint64_t acknowledged() const { return acknowledged_; }

  /// After `stop`: by plain SQL on the database that is to have everything now, with the `events`
  /// that were there before.
  Figures figures(postgres::Session& database, std::int64_t events) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Write {
    std::int64_t number;
    std::int64_t counter;  ///< 0: none
    Clock::time_point at;
    Clock::duration took;
  };
  struct Writer {
    std::vector<Write> acknowledged;
    std::vector<Write> failed;
    std::uint64_t retried = 0;
    std::map<std::string, std::uint64_t> failures;
    Clock::time_point moves_at;  ///< guarded by mutex_
    std::uint64_t place = 0;
  };

  void run(std::size_t index);
  void write(std::size_t index, std::unique_ptr<postgres::Session>& session, const Write& write);
  void connect(std::size_t index, std::unique_ptr<postgres::Session>& session);
  void compare_tokens(postgres::Session& database, Figures& figures,
                      std::map<std::int64_t, std::int64_t>& expected) const;
  void measure_gaps(Figures& figures) const;
  Period period(Clock::time_point begin, Clock::time_point end) const;

  std::atomic<std::chrono::nanoseconds> interval_;
  Clock::time_point start_;
  std::vector<Clock::time_point> marks_;
  Clock::time_point end_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> down_{false};
  std::atomic<std::uint64_t> acknowledged_{0};
  mutable std::mutex mutex_;
  std::vector<postgres::ConnectionOptions> places_;  ///< guarded by mutex_, the last is where to go
  std::vector<Writer> writers_;
  std::vector<std::thread> threads_;
};

}  // namespace crossover::bench
