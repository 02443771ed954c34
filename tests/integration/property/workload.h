#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "integration/property/schema.h"

namespace crossover::test::property {

/// One statement of an application.
struct Operation {
  std::string table;  ///< the table that it names, quoted; empty for a sequence
  std::string sql;
  std::string_view what = "";  ///< what it is, for people
  std::string also = {};       ///< a second table that it names
  bool guarded = false;        ///< inside a savepoint that is rolled back when the statement fails
  bool undone = false;         ///< inside a savepoint that is rolled back in any case
};

/// One transaction of an application.
struct Work {
  std::string isolation;
  std::vector<Operation> operations;
  bool counts = true;        ///< adds one to its writer's counter and leaves a token
  bool reads_first = false;  ///< the counter is read and then set, not incremented
  bool rolls_back = false;
  bool asynchronous = false;  ///< its COMMIT does not wait for the disk: a crash may lose it
};

struct WorkloadBounds {
  int writers;
  int transactions;  ///< of each writer, which does them again and again
};

/// Each writer's transactions.
std::vector<std::vector<Work>> draw_workload(Random& random, const Schema& schema,
                                             const WorkloadBounds& bounds);
/// What fills a table before the migration begins.
std::vector<Operation> draw_fill(Random& random, const Schema& schema);

Work draw_work(Random& random, const Schema& schema);
Operation draw_insert(Random& random, const Table& table, int most_rows);

}  // namespace crossover::test::property
