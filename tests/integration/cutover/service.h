#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "cutover/fleet.h"
#include "cutover/pgbouncer.h"
#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/postgres/server.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::test {

inline constexpr const char* migration = "registry";

/// A database reached by fixed options, whose port can be changed to that of a proxy.
class FixedDatabase final : public sync::Database {
 public:
  explicit FixedDatabase(postgres::ConnectionOptions options) : options_(std::move(options)) {}
  postgres::Session open(std::string_view purpose) const override;
  std::string describe() const override { return postgres::describe(options_); }

 private:
  postgres::ConnectionOptions options_;
};

/// What of a migration is done when a Service comes up.
enum class Begun {
  copied,   ///< capture and gate stand on both sides, and the new one has all rows
  nothing,  ///< the new database has the schema, and no rows
};

/// The old database (PostgreSQL 15), the new one (17), and poolers in front that lead to the old
/// one.
class Service {
 public:
  /// Started by `writers`, rows that each of them counts on.
  explicit Service(std::size_t poolers = 1, int rows = 500, Begun begun = Begun::copied);

  sync::Databases databases() const { return {*old_database_, *new_database_}; }
  PostgresServer& server(sync::Side side) { return side == sync::Side::old_side ? old_ : new_; }
  PgBouncer& pooler(std::size_t index) { return *poolers_.at(index); }
  std::size_t pooler_count() const { return poolers_.size(); }

  cutover::Fleet fleet() const;
  std::unique_ptr<cutover::Pooler> pooler_port(std::size_t index) const;
  cutover::PoolerState state(std::size_t index = 0) const;

  /// From now on the poolers reach the databases by these ports: there is a proxy in between.
  void lead_poolers_by(int old_port, int new_port);

  /// One count of the database, by superuser.
  std::int64_t number(sync::Side side, const std::string& sql);

  /// What the driver program (driver.cpp) needs to find all this.
  std::vector<std::string> driver_arguments() const;

 private:
  void install();
  void write_targets(const PgBouncer& pooler) const;
  PostgresServer old_;
  PostgresServer new_;
  std::unique_ptr<FixedDatabase> old_database_;
  std::unique_ptr<FixedDatabase> new_database_;
  int old_port_ = 0;  // where the poolers find them
  int new_port_ = 0;
  std::vector<std::unique_ptr<PgBouncer>> poolers_;
};

/// The options of a pooler of the fixture as the cutover's adapter wants them.
cutover::PgbouncerOptions pgbouncer_options(int pooler_port, const std::string& folder,
                                            int old_port, int new_port);

/// Writers as an API has them: through the pooler, at the three isolation levels in turn, with
/// named prepared statements, an id taken before the insert, and a counter that is read and then
/// written as an absolute value. They count what was acknowledged.
class Writers {
 public:
  Writers(Service& service, int count, std::chrono::milliseconds pause);
  ~Writers();
  void stop();

  std::uint64_t acknowledged() const { return acknowledged_; }
  /// SQLSTATE and text of everything that failed but for a 40001 that was tried again.
  std::vector<std::string> failures() const;
  /// Longest time from BEGIN to the acknowledgement.
  std::chrono::milliseconds slowest() const { return std::chrono::milliseconds(slowest_); }
  /// The same, of those since this was last called.
  std::chrono::milliseconds take_slowest() {
    return std::chrono::milliseconds(slowest_.exchange(0));
  }
  /// Lets an exception's writer go on; returns acknowledged writes after which at least `more`
  /// came.
  bool wait_for(std::uint64_t more, std::chrono::milliseconds budget) const;

  /// Compares the live database with what was acknowledged; one line per difference.
  std::vector<std::string> differences(Service& service, sync::Side live) const;

 private:
  void write(int index);
  void one_transaction(postgres::Session& session, int index, const std::string& token);

  Service& service_;
  std::chrono::milliseconds pause_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::int64_t> slowest_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> failures_;
  std::set<std::string> tokens_;
  std::vector<std::int64_t> counts_;
  std::vector<std::thread> threads_;
};

/// Goes round the pooler, to one database: while its gate is closed it must be refused with 25006,
/// and what it was told is committed must be kept.
class Straggler {
 public:
  Straggler(Service& service, sync::Side side);
  ~Straggler();
  void stop();
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t refused() const { return refused_; }
  std::vector<std::string> lost(Service& service, sync::Side live) const;

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::vector<std::string> tokens_;
  std::thread thread_;
};

}  // namespace crossover::test
