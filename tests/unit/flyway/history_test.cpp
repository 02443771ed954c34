#include "flyway/history.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace crossover;
using flyway::History;
using flyway::Migration;

namespace {

Migration migration(int rank, const std::string& version, bool success = true) {
  Migration result;
  result.rank = rank;
  result.version = version;
  result.type = "SQL";
  result.script = "V" + version + "__x.sql";
  result.checksum = std::to_string(rank);
  result.success = success;
  return result;
}

std::string failure(const History& from, const std::optional<History>& to) {
  try {
    flyway::compare_histories(from, to);
  } catch (const Error& error) {
    return std::string(name(error.kind())) + ": " + error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("the newest version is that of the last versioned migration that succeeded") {
  CHECK(flyway::newest_version({}).empty());
  CHECK(flyway::newest_version({migration(1, "1.0"), migration(2, "1.10")}) == "1.10");
  CHECK(flyway::newest_version({migration(1, "1.0"), migration(2, "1.1", false)}) == "1.0");
  Migration repeatable = migration(2, "");
  CHECK(flyway::newest_version({migration(1, "1.0"), repeatable}) == "1.0");
}

TEST_CASE("only what was not there before counts as applied") {
  const History after = {migration(1, "1.0"), migration(2, "1.1"), migration(3, "1.2", false)};
  CHECK(flyway::applied_since(std::nullopt, after) == 2);
  CHECK(flyway::applied_since(History{migration(1, "1.0")}, after) == 1);
  CHECK(flyway::applied_since(after, after) == 0);
}

TEST_CASE("a missing history is adopted whole, a part of it is completed, a whole one left alone") {
  const History from = {migration(1, "1.0"), migration(2, "1.1")};
  const flyway::Adoption whole = flyway::compare_histories(from, std::nullopt);
  CHECK(whole.created);
  CHECK(whole.added.size() == 2);
  const flyway::Adoption rest = flyway::compare_histories(from, History{migration(1, "1.0")});
  CHECK_FALSE(rest.created);
  REQUIRE(rest.added.size() == 1);
  CHECK(rest.added.front().version == "1.1");
  CHECK(flyway::compare_histories(from, from).added.empty());
}

TEST_CASE("a history of other migrations is not overwritten") {
  const History from = {migration(1, "1.0"), migration(2, "1.1")};
  CHECK(failure(from, History{migration(1, "0.9")}) ==
        "conflict: unable to adopt Flyway's history: rank 1 is '1.0' in the new database and "
        "'0.9' in the old one");
  CHECK(failure(from, History{migration(1, "1.0"), migration(2, "1.1"), migration(3, "2.0")}) ==
        "conflict: unable to adopt Flyway's history: only the old database has migration '2.0'");
  CHECK(failure({migration(1, "1.0", false)}, std::nullopt) ==
        "precondition: unable to adopt Flyway's history: migration '1.0' failed in the new "
        "database");
}
