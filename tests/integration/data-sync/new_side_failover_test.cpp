#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "integration/data-sync/failover.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

const std::vector<std::string> all_tables = {"counter",          "event", "role",
                                             "\"Odd \"\"Name\"", "tree",  "part"};

using RowTexts = std::map<std::string, std::set<std::string>>;

// By table, each row as text.
RowTexts rows_of(const sync::Database& database) {
  postgres::Session session = database.open("check");
  RowTexts rows;
  for (const std::string& table : all_tables) {
    for (std::string& row :
         column(session, fmt::format("SELECT t::text FROM public.{} AS t", table))) {
      rows[table].insert(std::move(row));
    }
  }
  return rows;
}

RowTexts only_in(const RowTexts& here, const RowTexts& there) {
  RowTexts only;
  for (const auto& [table, a] : here) {
    const auto found = there.find(table);
    const std::set<std::string> b = found == there.end() ? std::set<std::string>() : found->second;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(only[table], only[table].end()));
  }
  return only;
}

// What is kept of the rows that the other side has lost, as rows_of gives them.
RowTexts saved_of(const sync::Database& database, const std::string& condition) {
  postgres::Session session = database.open("check");
  RowTexts rows;
  for (const std::string& table : all_tables) {
    auto& texts = rows[table];
    for (std::string& row : column(
             session, fmt::format("SELECT json_populate_record(NULL::public.{0}, r.content)::text "
                                  "FROM crossover.saved_row r JOIN crossover.synced_table t "
                                  "ON t.id = r.table_id WHERE format('%I', t.table_name) = '{0}' "
                                  "AND {1}",
                                  table, condition))) {
      texts.insert(std::move(row));
    }
  }
  return rows;
}

// Of `rows` those that are not among `others`, for a message.
std::vector<std::string> missing(const RowTexts& rows, const RowTexts& others) {
  std::vector<std::string> list;
  for (const auto& [table, texts] : only_in(rows, others)) {
    for (const std::string& text : texts) {
      list.push_back(table + " " + text);
    }
  }
  return list;
}

}  // namespace

TEST_CASE("a new database with the service that failed over without its last commits is followed") {
  World world(15, 17);
  Place place(world);
  move_to_new(place);
  world.new_db.open("test").batch(
      "SELECT setval(pg_get_serial_sequence('public.event', 'id'), max(id)) FROM public.event");
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  Writers writers(world.new_server, 2);
  const auto standby = left_behind(world.new_server);  // while they write
  place.run(0, {"status"});
  writers.stop();
  CHECK(writers.failures() == 0);
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  CHECK(writers.differences(world.old_db) == std::vector<std::string>{});
  const RowTexts acknowledged = rows_of(world.new_db);

  take_over(world.new_server, *standby);
  place.fail_over(world.old_server, *standby);
  const TestDatabase promoted(*standby, "app");
  const RowTexts survived = rows_of(promoted);
  const RowTexts lost = only_in(acknowledged, survived);
  const RowTexts back_again = only_in(survived, acknowledged);
  REQUIRE_FALSE(lost.at("event").empty());
  REQUIRE(lost.at("counter").size() == 2);

  Writers later(*standby, 2);
  const json refused = place.run(3, {"follow", "--reverse", "--until-caught-up"});
  CHECK(message(refused) ==
        "unable to drain from the new database: it has failed over (timeline 00000002, was "
        "00000001), and what its last commits were is not certain");
  CHECK(refused["error"]["hint"] ==
        "run `data-sync start --reverse` again: it compares all rows, repairs those that differ "
        "and saves those that only the target has");
  place.run(0, {"start", "--reverse"});
  later.stop();
  CHECK(later.failures() == 0);
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  place.run(0, {"verify", "--reverse"});
  CHECK(World::equal_by_sql({world.old_db, promoted}));
  CHECK(later.differences(promoted) == std::vector<std::string>{});
  CHECK(later.differences(world.old_db) == std::vector<std::string>{});

  const RowTexts saved = saved_of(world.old_db, "operation <> 'delete'");
  CHECK(missing(lost, saved) == std::vector<std::string>{});
  CHECK(missing(saved_of(world.old_db, "operation <> 'delete' AND certain"), lost) ==
        std::vector<std::string>{});
  CHECK(saved.at("event") == lost.at("event"));
  CHECK(saved.at("counter") == lost.at("counter"));
  // Of deletions those of rows that were not written since.
  CHECK(missing(saved_of(world.old_db, "operation = 'delete'"), back_again) ==
        std::vector<std::string>{});
  CHECK(missing(saved_of(world.old_db, "operation = 'delete' AND NOT certain"), {}) ==
        std::vector<std::string>{});
  CHECK(saved_rows(promoted) == std::vector<std::string>{});
}
