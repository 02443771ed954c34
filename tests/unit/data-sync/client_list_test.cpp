#include "data-sync/client_list.h"

#include <catch2/catch.hpp>

using namespace crossover;

namespace {

sync::DatabaseClient client(const std::string& address, const std::string& application) {
  sync::DatabaseClient one;
  one.address = address;
  one.application = application;
  one.role = "app";
  one.sessions = 1;
  return one;
}

std::vector<std::string> texts(const sync::Findings& findings) {
  std::vector<std::string> list;
  for (const sync::Finding& finding : findings) {
    list.push_back((finding.level == sync::Finding::Level::warning ? "warning " : "note ") +
                   finding.object + " " + finding.text);
  }
  return list;
}

const std::string always =
    "note clients no server keeps what a session has done: \"not seen\" is of the time that was "
    "watched and of each session's last statement";

}  // namespace

TEST_CASE("clients that a switch would leave behind are named, those of the poolers are not") {
  sync::ClientsSeen seen;
  seen.clients = {client("10.0.0.1", "api"), client("10.0.0.2", "worker"), client("local", "psql")};
  seen.clients[0].writes = seen.clients[1].writes = true;
  CHECK(texts(data_sync::client_findings(seen, std::vector<std::string>{"10.0.0.1"})) ==
        std::vector<std::string>{
            "warning client worker of role app at 10.0.0.2 writes past the poolers: a switch does "
            "not take it along, and refuses what it writes from then on (25006)",
            "note client psql of role app at local is connected past the poolers, though not seen "
            "to write: a switch does not take it along",
            always});
  CHECK(texts(data_sync::client_findings(seen, std::nullopt)) == std::vector<std::string>{always});
  const auto column = [&](const std::optional<std::vector<std::string>>& poolers) {
    std::vector<std::string> words;
    for (const auto& row : data_sync::client_table(seen, poolers).rows) {
      words.push_back(row.at(3));
    }
    return words;
  };
  CHECK(column(std::vector<std::string>{"10.0.0.1"}) ==
        std::vector<std::string>{"yes", "no", "no"});
  CHECK(column(std::nullopt) == std::vector<std::string>(3, "not known"));
}

TEST_CASE("writes that nobody was seen at, and tables of nobody, are said") {
  sync::ClientsSeen seen;
  seen.clients = {client("10.0.0.1", "api")};
  seen.rows_written = 7;
  seen.other_temporary_tables = 2;
  CHECK(texts(data_sync::client_findings(seen, std::nullopt)) ==
        std::vector<std::string>{
            "warning clients 7 rows were written meanwhile, by nobody who was seen at it: watch "
            "for longer (--watch)",
            "note clients 2 temporary tables are of sessions that this server does not name, or "
            "were left by a crash",
            always});
  seen.clients[0].writes = true;
  CHECK(texts(data_sync::client_findings(seen, std::nullopt)).size() == 2);
}

TEST_CASE("a row of the table says what was seen, and what could not be") {
  sync::ClientsSeen seen;
  seen.clients = {client("10.0.0.1", "api"), client("(hidden)", "other")};
  seen.clients[0].reads = true;
  seen.clients[0].advisory_locks = 3;
  seen.clients[0].session_advisory_locks = 1;
  seen.clients[0].temporary_tables = 2;
  seen.clients[1].hidden = true;
  seen.clients[1].writes = true;
  CHECK(data_sync::client_table(seen, std::nullopt).rows ==
        std::vector<std::vector<std::string>>{
            {"10.0.0.1", "api", "app", "not known", "1", "0", "not seen", "seen", "not seen",
             "3 (1 across transactions)", "2"},
            {"(hidden)", "other", "app", "not known", "1", "0", "seen", "hidden", "hidden", "0",
             "0"}});
}
