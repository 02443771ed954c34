#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cutover/fleet.h"
#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/postgres/server.h"
#include "integration/cutover/service.h"
#include "sync/synced_table.h"

namespace crossover::bench {

struct SiteSize {
  std::int64_t rows = 10000;  ///< in all tables together
  int tables = 10;
};

/// A service's databases of a given size: PostgreSQL 15 and 17 with fsync on, capture and gates on
/// both, all rows copied, and one PgBouncer in front.
class Site {
 public:
  explicit Site(const SiteSize& size);
  sync::Databases databases() const { return {*old_database_, *new_database_}; }
  cutover::Fleet fleet() const;
  postgres::ConnectionOptions service() const { return pooler_->options("app", "app"); }
  test::PostgresServer& server(sync::Side side) {
    return side == sync::Side::old_side ? old_ : new_;
  }
  std::int64_t rows_per_table() const { return rows_per_table_; }
  /// Tables that the service writes: a real one's writes go to a few of them.
  std::vector<std::string> hot_tables() const;

 private:
  void fill();
  void install();
  SiteSize size_;
  std::int64_t rows_per_table_;
  std::vector<sync::SyncedTable> tables_;
  test::PostgresServer old_;
  test::PostgresServer new_;
  std::unique_ptr<test::FixedDatabase> old_database_;
  std::unique_ptr<test::FixedDatabase> new_database_;
  std::unique_ptr<test::PgBouncer> pooler_;
};

/// A service that writes `rate` times a second through the pooler: a transaction that changes a row
/// and adds one. Counts what was acknowledged.
class Load {
 public:
  Load(Site& site, int rate);
  ~Load();
  void stop();
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t failed() const { return failed_; }
  std::string first_failure() const;
  double achieved_rate() const;
  /// How long the acknowledged writes took, sorted. After `stop`.
  std::vector<std::chrono::duration<double, std::milli>> durations() const;
  /// Acknowledged writes that the database does not have, and such that it has twice.
  std::int64_t difference(sync::Side live) const;

 private:
  void write(int index);
  Site& site_;
  std::chrono::nanoseconds interval_;
  std::chrono::steady_clock::time_point start_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex mutex_;
  std::vector<std::chrono::duration<double, std::milli>> durations_;
  std::string first_failure_;
  std::vector<std::thread> threads_;
};

}  // namespace crossover::bench
