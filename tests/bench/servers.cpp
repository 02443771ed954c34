// bench_servers ACCOUNTS DOCUMENTS: a full PostgreSQL 15 and an empty 17 with the same schema, as
// data-sync finds them. Writes {"old": PORT, "new": PORT, "password": ...} as one line and serves
// until its standard input ends.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "fixtures/postgres/server.h"

namespace {

using crossover::test::PostgresServer;
using crossover::test::ServerOptions;

constexpr const char* schema = R"(
CREATE TABLE public.branch (id int PRIMARY KEY, balance int NOT NULL);
CREATE TABLE public.account (id int PRIMARY KEY, branch_id int NOT NULL REFERENCES public.branch,
  balance int NOT NULL, filler char(84) NOT NULL);
CREATE INDEX account_branch ON public.account (branch_id);
CREATE TABLE public.document (id bigserial PRIMARY KEY, body jsonb NOT NULL, note text,
  created timestamptz NOT NULL);
)";

ServerOptions options(int version) {
  ServerOptions options;
  options.version = version;
  options.settings = {{"fsync", "on"},
                      {"full_page_writes", "on"},
                      {"shared_buffers", "512MB"},
                      {"max_wal_size", "4GB"}};
  return options;
}

void fill(const PostgresServer& server, const std::string& accounts, const std::string& documents) {
  crossover::postgres::Session session = server.connect("app");
  session.batch("INSERT INTO public.branch SELECT i, 0 FROM generate_series(1, 50) i");
  session.query(
      "INSERT INTO public.account SELECT i, 1 + i % 50, i, 'account ' || i "
      "FROM generate_series(1, $1::int) i",
      {accounts});
  session.query(
      "INSERT INTO public.document (body, note, created) SELECT jsonb_build_object('number', i, "
      "'title', 'document ' || i, 'tags', jsonb_build_array('a', 'b', i % 10), 'text', "
      "repeat(md5(i::text), 4)), 'note ' || i, now() - i * interval '1 minute' "
      "FROM generate_series(1, $1::bigint) i",
      {documents});
  session.batch("VACUUM ANALYZE");
  session.batch("CHECKPOINT");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_servers ACCOUNTS DOCUMENTS\n";
    return 2;
  }
  try {
    PostgresServer old_server(options(15));
    PostgresServer new_server(options(17));
    for (PostgresServer* server : {&old_server, &new_server}) {
      server->create_database("app");
      server->connect("app").batch(schema);
    }
    fill(old_server, argv[1], argv[2]);
    std::cout << nlohmann::json{{"old", old_server.port()},
                                {"new", new_server.port()},
                                {"password", old_server.options().password.reveal()}}
                     .dump()
              << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
    }
  } catch (const std::exception& error) {
    std::cerr << "bench_servers: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
