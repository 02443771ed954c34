#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/retry.h"
#include "world.h"

namespace crossover::test {

/// What somebody does with table `public.counter` of the old database that others wait for. It goes
/// on until this object goes.
class Obstacle {
 public:
  explicit Obstacle(World& world) : world_(world) {}
  virtual ~Obstacle() = default;
  Obstacle(const Obstacle&) = delete;
  Obstacle& operator=(const Obstacle&) = delete;

 protected:
  /// Until a session has that lock on the table, or waits for one of its rows.
  void await(const std::string& condition) const {
    postgres::Session session = world_.old_db.open("look");
    const bool came = poll(world_.clock, world_.stop, std::chrono::seconds(60),
                           std::chrono::milliseconds(10), [&] {
                             return session
                                 .query(
                                     "SELECT EXISTS (SELECT FROM pg_locks l JOIN "
                                     "pg_stat_activity a ON a.pid = l.pid WHERE " +
                                     condition + ")")
                                 .boolean(0, 0);
                           });
    if (!came) {
      throw std::runtime_error("the obstacle did not come about: " + condition);
    }
  }
  static constexpr const char* vacuum_lock =
      "l.relation = to_regclass('public.counter') AND l.mode = 'ShareUpdateExclusiveLock' AND "
      "l.granted AND ";
  World& world_;
};

/// A transaction that is left open.
class OpenTransaction final : public Obstacle {
 public:
  OpenTransaction(World& world, const std::string& sql)
      : Obstacle(world), session_(world.old_db.open("obstacle")) {
    session_.batch("BEGIN; " + sql);
  }

 private:
  postgres::Session session_;
};

/// VACUUM that somebody has typed, at a pace that lets it last.
class Vacuum final : public Obstacle {
 public:
  explicit Vacuum(World& world) : Obstacle(world), session_(world.old_db.open("vacuum")) {
    session_.batch("UPDATE public.counter SET value = value");  // so that there is something to do
    session_.batch("SET vacuum_cost_delay = '100ms'; SET vacuum_cost_limit = 1");
    thread_ = std::thread([this] {
      try {
        session_.batch("VACUUM public.counter");
      } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is cancelled
      }
    });
    await(vacuum_lock + fmt::format("a.pid = {}", session_.backend_pid()));
  }
  ~Vacuum() override {
    session_.canceller().cancel();
    thread_.join();
  }

 private:
  postgres::Session session_;
  std::thread thread_;
};

/// An autovacuum worker, at the same pace; for a server with autovacuum_naptime = 1.
class Autovacuum final : public Obstacle {
 public:
  enum class Kind { usual, against_wraparound };
  Autovacuum(World& world, Kind kind) : Obstacle(world) {
    postgres::Session session = world.old_db.open("autovacuum");
    const bool usual = kind == Kind::usual;
    if (!usual) {
      // Each subtransaction that writes takes an id, which makes all tables older.
      session.batch(
          "CREATE TEMPORARY TABLE burnt (i int); DO $$ BEGIN FOR i IN 1..110000 LOOP BEGIN "
          "INSERT INTO burnt VALUES (i); EXCEPTION WHEN division_by_zero THEN END; END LOOP; END "
          "$$");
    }
    session.batch("UPDATE public.counter SET value = value");
    session.batch(
        fmt::format("ALTER TABLE public.counter SET (autovacuum_vacuum_cost_delay = 100, "
                    "autovacuum_vacuum_cost_limit = 1, {})",
                    usual ? "autovacuum_vacuum_threshold = 1, "
                            "autovacuum_vacuum_scale_factor = 0"
                          : "autovacuum_freeze_max_age = 100000"));
    await(std::string(vacuum_lock) + "a.backend_type = 'autovacuum worker'" +
          (usual ? "" : " AND a.query LIKE '%to prevent wraparound%'"));
  }
  ~Autovacuum() override {
    try {
      postgres::Session session = world_.old_db.open("autovacuum");
      session.batch("ALTER SYSTEM SET autovacuum = off");
      session.batch("SELECT pg_reload_conf()");
      poll(world_.clock, world_.stop, std::chrono::seconds(10), std::chrono::milliseconds(10), [&] {
        return session
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'autovacuum worker'")
            .empty();
      });
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the test fails by what it waits for
    }
  }
};

/// Some who wait for one row, each to be the next to lock it.
class RowQueue final : public Obstacle {
 public:
  explicit RowQueue(World& world) : Obstacle(world) {
    for (int i = 0; i < 3; ++i) {
      sessions_.push_back(world.old_db.open("queue"));
    }
    sessions_.front().batch(take);
    for (std::size_t i = 1; i < sessions_.size(); ++i) {
      threads_.emplace_back([&session = sessions_[i]] {
        try {
          session.batch(take);
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is cancelled
        }
      });
      await(fmt::format("l.pid = {} AND NOT l.granted", sessions_[i].backend_pid()));
    }
  }
  ~RowQueue() override {
    for (std::size_t i = 1; i < sessions_.size(); ++i) {
      sessions_[i].canceller().cancel();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

 private:
  static constexpr const char* take = "BEGIN; SELECT FROM public.counter WHERE id = 2 FOR UPDATE";
  std::vector<postgres::Session> sessions_;
  std::vector<std::thread> threads_;
};

}  // namespace crossover::test
