#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "integration/sync/world.h"
#include "sync/copy.h"
#include "sync/drain.h"

namespace crossover::test {

/// Two databases with tables that inherit from others: one, two and three generations, two parents,
/// a child without a key, one whose key the parent does not have, keys that several of them have,
/// and partitions as they were made before there were partitions.
struct Family {
  Family(int old_version, int new_version);

  void copy(sync::Direction direction, const sync::CopyOptions& options = {});
  sync::Drain drain(sync::Direction direction);
  /// Runs a statement on the source, drains, and compares both sides by plain SQL.
  void carry(sync::Direction direction, const std::string& sql);
  /// Capture on the new database, before anything is moved.
  void capture_back();
  void move(sync::Direction direction);

  /// One table's own rows as sorted text; of all of them, each under its name.
  static std::string rows(postgres::Session& session, const std::string& table);
  static std::string rows(const sync::Database& database);
  bool same() const { return rows(world.old_db) == rows(world.new_db); }

  World world;
};

/// What is done to such tables, each a message: by the parent's name, the child's, ONLY, with keys
/// that change, in many rows, in subtransactions, by COPY's sibling INSERT ... SELECT, by TRUNCATE.
std::vector<std::string> family_statements();

/// Writers that write by the names of parents, and know what was acknowledged.
class FamilyWriters {
 public:
  FamilyWriters(const PostgresServer& server, int count);
  ~FamilyWriters() { stop(); }
  void stop();

  /// After `stop`: how a database differs from what was acknowledged, by the sum of increments in
  /// each table and by tokens, of which none may be missing or there twice.
  std::vector<std::string> differences(const sync::Database& database) const;
  std::string last_failure() const;

 private:
  /// One writer's; only that one's thread touches it.
  struct Member {
    std::map<std::string, std::int64_t> values;  ///< of its row in each table
    std::vector<std::string> tokens;
    std::string failure;
  };
  void run(std::size_t index);

  const PostgresServer& server_;
  const std::string id_;
  std::atomic<bool> done_{false};
  std::vector<Member> members_;
  std::vector<std::thread> threads_;
};

}  // namespace crossover::test
