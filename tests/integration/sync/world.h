#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/sync.h"
#include "fixtures/postgres/server.h"
#include "sync/capture.h"
#include "sync/database.h"
#include "sync/state.h"

namespace crossover::test {

/// A database of a test server, as the engine reaches it.
class TestDatabase final : public sync::Database {
 public:
  TestDatabase(const PostgresServer& server, std::string database)
      : server_(server), database_(std::move(database)) {}
  postgres::Session open(std::string_view purpose) const override {
    postgres::ConnectionOptions options = server_.options(database_);
    options.application_name = "crossover test " + std::string(purpose);
    return postgres::Session(options);
  }
  std::string describe() const override { return database_; }

 private:
  const PostgresServer& server_;
  std::string database_;
};

/// Two servers with the same schema: the old one full, the new one as Flyway leaves it.
struct World {
  World(int old_version, int new_version);

  PostgresServer old_server;
  PostgresServer new_server;
  TestDatabase old_db{old_server, "app"};
  TestDatabase new_db{new_server, "app"};
  sync::Databases databases{old_db, new_db};
  Secret apply_token{std::string("0123456789abcdef0123456789abcdef")};
  std::string owner = "test-owner";
  SystemClock clock;
  StopRequest stop;
  NoLog log;
  NoProgress progress;
  config::Sync settings;
  std::vector<sync::SyncedTable> tables;

  sync::InstallContext install() {
    return {clock, stop, log, {std::chrono::milliseconds(400), std::chrono::seconds(20)}};
  }
  /// Selects the tables anew, by `settings`; for before the start.
  void select();
  /// The same, after adding to the schemas of both databases.
  void add_schema(const std::string& sql);
  /// State, gates, capture and position for `direction`.
  void start(sync::Direction direction);
  /// Every table of both sides as sorted text, by plain SQL: the checker that is not ours.
  static std::string dump(postgres::Session& session, const std::string& table);
  bool equal_by_sql() const { return equal_by_sql(databases); }
  static bool equal_by_sql(const sync::Databases& databases);
};

/// Writers that use the database as an application would, and know what was acknowledged.
class Writers {
 public:
  /// When their connection is lost
  enum class OnLoss {
    fail,       ///< that is a failure as any other
    reconnect,  ///< they log in again and look whether their last commit was done
  };
  Writers(const PostgresServer& server, int count, OnLoss on_loss = OnLoss::fail);
  ~Writers() { stop(); }
  void stop();

  /// After `stop`: how a database differs from what was acknowledged, by the sum of increments, by
  /// the tokens, of which none may be missing or there twice, and by the number of events, of which
  /// nobody else may add any meanwhile.
  std::vector<std::string> differences(const sync::Database& database) const;
  int failures() const { return failures_; }
  std::string last_failure() const { return last_failure_; }
  /// How often a writer has logged in again.
  int reconnections() const { return reconnections_; }

 private:
  void run(int index);
  postgres::Session reconnect();
  void acknowledge(int index, const std::string& token);
  const PostgresServer& server_;
  OnLoss on_loss_;
  std::atomic<bool> done_{false};
  const std::string id_ = sync::new_token().substr(0, 8);  // tells the tokens of loads apart
  std::int64_t events_before_ = 0;
  std::vector<std::int64_t> counters_;  // what a database must have, each that of its writer
  std::vector<std::set<std::string>> tokens_;
  std::atomic<int> failures_{0};
  std::atomic<int> reconnections_{0};
  std::string last_failure_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

/// The schema that both sides have.
extern const char* const world_schema;

}  // namespace crossover::test
