#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "fixtures/postgres/server.h"
#include "integration/property/workload.h"

namespace crossover::test::property {

/// As the application: not a superuser, its own search_path.
postgres::Session connect_application(const PostgresServer& server, const std::string& database);

/// What one application has been told: its counter's value and its tokens are exactly these.
struct Acknowledged {
  int counter = 0;
  std::vector<int> tokens;
};

/// What a writer does when its server goes away.
enum class OnLoss {
  fail,       ///< that is a failure as any other
  reconnect,  ///< logs in again and looks whether its last commit was done
};

/// One connection that does works and knows what was acknowledged.
class Writer {
 public:
  Writer(int number, std::string database, OnLoss on_loss)
      : number_(number), database_(std::move(database)), on_loss_(on_loss) {}

  /// Logs in at `server`, which must outlive this or the next call; not again where it is already.
  void connect(const PostgresServer& server);

  enum class Outcome { acknowledged, refused, closed };
  /// One transaction. `closed` at a gate; `refused` by a constraint, a deadlock, a serialization
  /// failure or the loss of the server. Whatever else it meets is thrown.
  Outcome run(const Work& work);
  /// The same in parts, for a transaction that stays open. After an outcome that is not
  /// `acknowledged` there is no transaction any more.
  Outcome begin(const Work& work);
  Outcome perform(const Work& work);
  Outcome end(const Work& work);

  const Acknowledged& acknowledged() const { return acknowledged_; }
  /// After a server has lost what it had acknowledged.
  void correct(Acknowledged there) { acknowledged_ = std::move(there); }

 private:
  void perform(const Operation& operation);
  void count(const Work& work, int token);
  Outcome attempt(const std::function<void()>& body);
  Outcome outcome_of(const Error& error);
  bool committed_before_loss();
  void log_in();

  static constexpr int no_token = -1;

  int number_;
  std::string database_;
  OnLoss on_loss_;
  const PostgresServer* server_ = nullptr;
  std::optional<postgres::Session> session_;
  std::unique_ptr<postgres::Transaction> transaction_;
  Acknowledged acknowledged_;
  int next_token_ = 0;
  int committing_ = no_token;  ///< the token of the transaction that is about to commit
  bool counting_ = false;
};

/// Several of them, each in a thread of its own, until a gate or `park` stops them.
class Writers {
 public:
  /// `pause` is what each makes between two transactions.
  Writers(const std::vector<std::vector<Work>>& works, const std::string& database, Duration pause,
          OnLoss on_loss);
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  /// Lets all go on, on `server`.
  void release(const PostgresServer& server);
  /// Returns when nobody has a transaction open.
  void park();
  /// What went wrong so far; empty when nothing has.
  std::string failure();
  /// Of each writer. They must be parked.
  std::vector<Acknowledged> acknowledged();
  /// After a server has lost what it had acknowledged: one for each writer, which must be parked.
  void correct(const std::vector<Acknowledged>& there);
  /// Returns when `count` more transactions have ended, or a moment later when they are blocked.
  void wait_for(std::uint64_t count);
  /// Returns when each writer has had each of its transactions acknowledged once more. What has not
  /// got through within `budget` is described; empty when all has.
  std::string wait_for_round(Duration budget);

 private:
  void run(std::size_t index);
  bool wait_for_release(std::size_t index, std::uint64_t& seen);

  const std::vector<std::vector<Work>>& works_;
  Duration pause_;
  std::vector<Writer> writers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const PostgresServer* server_ = nullptr;
  std::uint64_t releases_ = 0;
  std::size_t working_ = 0;
  bool parking_ = true;
  bool ending_ = false;
  std::string failure_;
  std::uint64_t transactions_ = 0;
  std::vector<std::vector<std::uint64_t>> times_;  ///< of each writer's works: acknowledged
  std::vector<std::thread> threads_;
};

}  // namespace crossover::test::property
