// A service of two databases that somebody else cuts over, and what that did to it:
//   bench_cutover EVENTS replica|logical
// Says as one line of JSON where the old database (PostgreSQL 15, this wal_level), the new one (17,
// the same schema, empty) and the PgBouncer in front of the old one are. Then it does what its
// standard input says, and answers each line with a line of JSON, "error" in it when it failed:
//   load direct|pooled RATE   the service begins to write, to the old database or through PgBouncer
//   count                     how many writes were acknowledged so far
//   mark                      the cutover begins; or a part of the load that is told by itself
//   rate RATE                 the service writes so often from here on
//   repoint old|new MS        the service's sessions connect there instead, within so long
//   down | up                 the service is stopped, and started again
//   install [no-gate]         Crossover's: capture, gates (or none of the old one) and copy
//   switch                    Crossover's, through PgBouncer
//   stop old|new              the service ends; what it was told, compared with that database
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "bench/switching.h"
#include "bench/traffic.h"
#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/postgres/server.h"
#include "integration/cutover/service.h"

namespace {

using namespace crossover;
using nlohmann::json;

test::ServerOptions server_options(int version, const std::string& wal_level) {
  test::ServerOptions options;
  options.version = version;
  options.settings = {{"fsync", "on"},
                      {"full_page_writes", "on"},
                      {"shared_buffers", "256MB"},
                      {"max_wal_size", "2GB"},
                      {"wal_level", wal_level}};
  return options;
}

sync::SyncedTable synced(int id, const std::string& name, std::vector<std::string> columns,
                         std::vector<std::string> types) {
  sync::SyncedTable table;
  table.id = id;
  table.table = {"public", name};
  table.key = {"id"};
  table.key_types = {{.type = "bigint", .collation = ""}};
  table.columns = std::move(columns);
  table.types = std::move(types);
  table.relations = {table.table};
  return table;
}

std::vector<sync::SyncedTable> synced_tables() {
  return {synced(1, "counter", {"id", "n"}, {"bigint", "bigint"}),
          synced(2, "event", {"id", "counter_id", "token", "at"},
                 {"bigint", "bigint", "text", "timestamp with time zone"})};
}

class Cutover {
 public:
  Cutover(std::int64_t events, const std::string& wal_level)
      : events_(events), old_(server_options(15, wal_level)), new_(server_options(17, wal_level)) {
    for (test::PostgresServer* server : {&old_, &new_}) {
      server->create_role("app");
      server->create_database("app");
      postgres::Session session = server->connect("app");
      bench::make_traffic_schema(session);
    }
    postgres::Session session = old_.connect("app");
    bench::fill_traffic_tables(session, events);
    test::PgBouncerOptions options;
    options.databases = entries(old_);
    options.users = {"postgres", "app"};
    pooler_ = std::make_unique<test::PgBouncer>(options);
    pooler_->write_config("old.ini", entries(old_));
    pooler_->write_config("new.ini", entries(new_));
  }

  json where() const {
    return {{"old", old_.port()},
            {"new", new_.port()},
            {"pooler", pooler_->port()},
            {"pooler_folder", pooler_->directory().string()},
            {"password", old_.options().password.reveal()}};
  }

  json obey(const std::string& verb, std::istream& arguments) {
    std::string place;
    int number = 0;
    if (verb == "load") {
      arguments >> place >> number;
      traffic_.emplace(place == "pooled" ? pooler_->options("app", "app") : direct(old_), number);
    } else if (verb == "count") {
      return {{"acknowledged", traffic_.value().acknowledged()}};
    } else if (verb == "mark") {
      traffic_.value().mark();
    } else if (verb == "rate") {
      arguments >> number;
      traffic_.value().set_rate(number);
    } else if (verb == "repoint") {
      arguments >> place >> number;
      traffic_.value().repoint(direct(server(place)), std::chrono::milliseconds(number));
    } else if (verb == "down" || verb == "up") {
      traffic_.value().set_down(verb == "down");
    } else if (verb == "install") {
      arguments >> place;
      bench::install_sync(databases(), synced_tables(), place != "no-gate");
    } else if (verb == "switch") {
      const sync::Side side = sync::Side::new_side;
      return bench::described(bench::switch_when_quiet(
                                  databases(), [this] { return fleet(); }, side),
                              side);
    } else if (verb == "stop") {
      arguments >> place;
      traffic_.value().stop();
      return told(server(place));
    } else {
      throw Error(ErrorKind::usage, "unable to do '" + verb + "': no such command");
    }
    return json::object();
  }

 private:
  std::map<std::string, std::string> entries(const test::PostgresServer& server) const {
    return {{"app", fmt::format("host=127.0.0.1 port={} dbname=app", server.port())},
            {"app_check", fmt::format("host=127.0.0.1 port={} dbname=app", new_.port())}};
  }
  test::PostgresServer& server(const std::string& name) { return name == "old" ? old_ : new_; }

  // As an application's driver connects: no settings of ours.
  static postgres::ConnectionOptions direct(const test::PostgresServer& server) {
    postgres::ConnectionOptions options = server.options("app", "app");
    options.plain = true;
    return options;
  }

  sync::Databases databases() const { return {old_database_, new_database_}; }

  cutover::Fleet fleet() const {
    std::vector<std::unique_ptr<cutover::Pooler>> poolers;
    poolers.push_back(cutover::make_pgbouncer(test::pgbouncer_options(
        pooler_->port(), pooler_->directory().string(), old_.port(), new_.port())));
    return cutover::Fleet(std::move(poolers));
  }

  json told(test::PostgresServer& server) const {
    postgres::Session session = server.connect("app");
    const bench::Figures figures = traffic_.value().figures(session, events_);
    return {{"acknowledged", figures.acknowledged},
            {"failed", figures.failed},
            {"retried", figures.retried},
            {"lost", figures.lost},
            {"doubled", figures.doubled},
            {"in_doubt", figures.in_doubt},
            {"wrong_counters", figures.wrong_counters},
            {"missing_rows", figures.missing_rows},
            {"writes_per_second", figures.writes_per_second},
            {"longest_gap_ms", figures.longest_gap_ms},
            {"worst_writer_ms", figures.worst_writer_ms},
            {"gap_before_ms", figures.gap_before_ms},
            {"failures", figures.failures},
            {"periods", described(figures.periods)}};
  }

  static json described(const std::vector<bench::Period>& periods) {
    json list = json::array();
    for (const bench::Period& period : periods) {
      list.push_back({{"seconds", period.seconds},
                      {"acknowledged", period.acknowledged},
                      {"median_ms", period.median_ms},
                      {"p99_ms", period.p99_ms},
                      {"slowest_ms", period.slowest_ms}});
    }
    return list;
  }

  std::int64_t events_;
  test::PostgresServer old_;
  test::PostgresServer new_;
  test::FixedDatabase old_database_{old_.options("app")};
  test::FixedDatabase new_database_{new_.options("app")};
  std::unique_ptr<test::PgBouncer> pooler_;
  std::optional<bench::Traffic> traffic_;
};

void serve(Cutover& cutover) {
  fmt::print("{}\n", cutover.where().dump());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    json answer;
    try {
      answer = cutover.obey(verb, words);
    } catch (const Error& error) {
      answer = {{"error", error.text()}};
    }
    fmt::print("{}\n", answer.dump());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: bench_cutover EVENTS replica|logical\n");
    return 2;
  }
  try {
    Cutover cutover(std::stoll(argv[1]), argv[2]);
    serve(cutover);
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\nHINT: {}\n", error.text(), error.hint());
    return 1;
  }
}
