#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/named.h"

namespace crossover::config {

/// What happens to the rows that the target of a table already holds.
enum class Policy {
  replace,  ///< the target becomes the source; refused when the target alone holds rows
  merge,    ///< upsert on the key; rows that only the target has stay
  skip,     ///< the table is left alone
};
inline constexpr std::array<Named<Policy>, 3> policies{
    {{"replace", Policy::replace}, {"merge", Policy::merge}, {"skip", Policy::skip}}};

struct TablePolicy {
  Policy policy = Policy::replace;
  std::vector<std::string> key;     ///< natural key; empty: the primary key
  bool accept_target_only = false;  ///< `acceptTargetOnly`: rows that only the target has may go
};

/// What the preflight cannot find out; an empty answer leaves the question open, which refuses.
struct Answers {
  std::string listen;            ///< LISTEN/NOTIFY: "none" or "tolerated"
  std::string advisory_locks;    ///< session advisory locks
  std::string temporary_tables;  ///< across transactions
  std::string workers;           ///< background workers and schedules of either API
};

/// `sync`.
struct Sync {
  std::vector<std::string> schemas = {"public"};
  Policy default_policy = Policy::replace;
  std::map<std::string, TablePolicy> tables;               ///< by "schema.table"
  Duration lock_timeout = std::chrono::milliseconds(400);  ///< of one attempt at a table's lock
  Duration lock_budget = std::chrono::seconds(60);         ///< of all attempts at one table
  Duration log_retention = std::chrono::minutes(10);
  std::uint64_t log_limit = std::uint64_t{1} << 30U;        ///< bytes
  std::uint64_t keyless_limit = std::uint64_t{100} << 20U;  ///< bytes
  std::int64_t sequence_margin = 1000;
  std::uint64_t throttle = 0;  ///< bytes a second, 0: none
  int workers = 2;
  Duration snapshot_limit = std::chrono::minutes(30);  ///< of one snapshot of the copy, 0: none
  Answers answers;

  /// The policy of a table: its own entry, or `default_policy`; tables of Flyway's history are
  /// given as skip by the caller.
  TablePolicy policy_of(const std::string& table) const;
};

}  // namespace crossover::config
