#include "sync/lock_space.h"

#include <catch2/catch.hpp>

using namespace crossover::sync;
using Catch::Matchers::Contains;

namespace {

// 2,000 tables with a key each, on a server as PostgreSQL comes.
LockSpace by_default() {
  return {.per_transaction = 64,
          .transactions = 100,
          .tables = 2000,
          .relations = 2000,
          .indexes = 2000,
          .toasted = 0,
          .sequences = 500};
}

}  // namespace

TEST_CASE("a server as it comes has room for a switch of 2,000 tables, but not if all change") {
  const LockSpace space = by_default();
  CHECK(space.switching() == 100 + 2000 + 500 + 2 * 500 + 500);
  CHECK(space.all_changed() == 100 + 2000 + 500 + 2000 + 5 * 2000);
  const Findings findings = check_lock_space(space, "old");
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Finding::Level::warning);
  CHECK(findings[0].object == "old database");
  CHECK(findings[0].text ==
        "has room for 6400 locks (max_locks_per_transaction 64 x 100 connections and prepared "
        "transactions), and a drain when every table has changed, or a repair after a failover, "
        "takes up to 14600 (2000 tables, 2000 relations), more than that: set "
        "max_locks_per_transaction to at least 195 and restart the server");
}

TEST_CASE("the setting that a server is said to need is the least that is enough") {
  LockSpace space = by_default();
  space.relations = 2001;
  for (const std::int64_t need : {space.switching(), space.all_changed()}) {
    space.per_transaction = space.setting_for(need);
    CHECK(4 * need <= 3 * space.room());
    --space.per_transaction;
    CHECK(4 * need > 3 * space.room());
  }
  space.per_transaction = space.setting_for(space.all_changed());
  CHECK(check_lock_space(space, "new").empty());
  space.per_transaction = space.setting_for(space.switching()) - 1;
  Findings findings = check_lock_space(space, "new");
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Finding::Level::warning);
  CHECK(findings[0].object == "new database");
  CHECK_THAT(findings[0].text, Contains("a switch takes") && Contains("three quarters of that"));
  space.per_transaction = 41;  // 4100 locks, and a switch takes 4101
  findings = check_lock_space(space, "new");
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Finding::Level::error);
  CHECK_THAT(findings[0].text, Contains("a switch takes up to 4101") && Contains("more than that"));
}
