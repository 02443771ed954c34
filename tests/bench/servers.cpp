// bench_servers KIND ROWS: a full PostgreSQL 15 and an empty 17 with the same schema, as data-sync
// finds them. Writes {"old": PORT, "new": PORT, "password": ..., "tables": [...]} as one line, the
// table that the others reference first, then the largest, and serves until its standard input
// ends. KIND is that of the rows: narrow, wide or jsonb, in three tables of 60, 30 and 10 percent
// of them; or mixed, an account or a document.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "fixtures/postgres/server.h"

namespace {

using crossover::test::PostgresServer;
using crossover::test::ServerOptions;

struct Table {
  std::string name;
  std::string columns;  // of CREATE TABLE
  std::string keys;     // made when the rows are there; {0} the table
  std::string rows;     // SELECT of one row for each i of so many; {0} how many
  std::int64_t count = 0;
};

constexpr const char* keys_of_items =
    "ALTER TABLE public.{0} ADD PRIMARY KEY (id);"
    "CREATE INDEX ON public.{0} (owner_id);"
    "ALTER TABLE public.{0} ADD FOREIGN KEY (owner_id) REFERENCES public.owner;";

// What a row has besides id and owner_id, and an expression for it.
struct Shape {
  std::string columns;
  std::string values;
};

Shape wide() {
  Shape shape;
  const auto add = [&shape](int count, const char* name, const char* type, const char* value) {
    for (int n = 1; n <= count; ++n) {
      shape.columns += fmt::format(", {}_{} {}", name, n, type);
      shape.values += fmt::format(fmt::runtime(std::string(", ") + value), n);
    }
  };
  add(6, "name", "text NOT NULL", "'name {0} of ' || i || repeat('n', (20 + i % 20)::int)");
  add(2, "code", "varchar(40)", "CASE WHEN i % 3 > 0 THEN md5('{0}' || i) END");
  add(6, "amount", "numeric(14,2)", "(i * {0} % 10000000)::numeric / 100");
  add(4, "number", "bigint", "i * {0}");
  add(4, "at", "timestamptz", "timestamptz '2020-01-01 UTC' + i * {0} * interval '1 second'");
  add(2, "reference", "uuid", "md5('{0} ' || i)::uuid");
  add(4, "flag", "boolean", "(i + {0}) % 3 = 0");
  return shape;
}

Shape shape_of(const std::string& kind) {
  static const std::map<std::string, Shape> shapes = {
      {"narrow",
       {", amount int NOT NULL, at timestamptz NOT NULL",
        ", i % 100000, timestamptz '2020-01-01 UTC' + i * interval '1 second'"}},
      {"wide", wide()},
      {"jsonb",
       {", body jsonb NOT NULL, note text",
        ", jsonb_build_object('number', i, 'title', 'document ' || i, 'tags', "
        "jsonb_build_array('a', 'b', i % 10), 'text', repeat(md5(i::text), 4), 'at', "
        "jsonb_build_object('x', i * 0.5, 'y', i % 90)), 'note ' || i"}}};
  return shapes.at(kind);
}

std::vector<Table> items(const std::string& kind, std::int64_t rows) {
  const Shape shape = shape_of(kind);
  std::vector<Table> tables = {{"owner", "id int, name text NOT NULL",
                                "ALTER TABLE public.{0} ADD PRIMARY KEY (id);",
                                "SELECT i, 'owner ' || i FROM generate_series(1, {0}) i", 1'000}};
  for (const auto& [name, percent] :
       {std::pair("item_large", 60), std::pair("item_medium", 30), std::pair("item_small", 10)}) {
    tables.push_back(
        {name, "id bigint, owner_id int NOT NULL" + shape.columns, keys_of_items,
         "SELECT i, 1 + i * 7919 % 1000" + shape.values + " FROM generate_series(1, {0}::bigint) i",
         rows * percent / 100});
  }
  return tables;
}

std::vector<Table> mixed(std::int64_t rows) {
  return {
      {"branch", "id int, balance int NOT NULL", "ALTER TABLE public.{0} ADD PRIMARY KEY (id);",
       "SELECT i, 0 FROM generate_series(1, {0}) i", 50},
      {"account", "id int, branch_id int NOT NULL, balance int NOT NULL, filler char(84) NOT NULL",
       "ALTER TABLE public.{0} ADD PRIMARY KEY (id); CREATE INDEX ON public.{0} (branch_id);"
       "ALTER TABLE public.{0} ADD FOREIGN KEY (branch_id) REFERENCES public.branch;",
       "SELECT i, 1 + i % 50, i, 'account ' || i FROM generate_series(1, {0}) i", rows * 5 / 6},
      {"document", "id bigserial, body jsonb NOT NULL, note text, created timestamptz NOT NULL",
       "ALTER TABLE public.{0} ADD PRIMARY KEY (id);",
       "SELECT nextval('public.document_id_seq'), jsonb_build_object('number', i, 'title', "
       "'document ' || i, 'tags', jsonb_build_array('a', 'b', i % 10), 'text', "
       "repeat(md5(i::text), 4)), 'note ' || i, now() - i * interval '1 minute' "
       "FROM generate_series(1, {0}::bigint) i",
       rows / 6}};
}

ServerOptions options(int version) {
  ServerOptions options;
  options.version = version;
  options.settings = {{"fsync", "on"},
                      {"full_page_writes", "on"},
                      {"shared_buffers", "512MB"},
                      {"max_wal_size", "4GB"}};
  return options;
}

void build(const PostgresServer& server, const std::vector<Table>& tables, bool with_rows) {
  crossover::postgres::Session session = server.connect("app");
  for (const Table& table : tables) {
    session.batch(fmt::format("CREATE TABLE public.{} ({})", table.name, table.columns));
    if (with_rows) {
      session.batch(fmt::format("INSERT INTO public.{} {}", table.name,
                                fmt::format(fmt::runtime(table.rows), table.count)));
    }
  }
  for (const Table& table : tables) {
    session.batch(fmt::format(fmt::runtime(table.keys), table.name));
  }
  session.batch("VACUUM ANALYZE");
  session.batch("CHECKPOINT");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_servers narrow|wide|jsonb|mixed ROWS\n";
    return 2;
  }
  try {
    const std::string kind = argv[1];
    const std::int64_t rows = std::stoll(argv[2]);
    const std::vector<Table> tables = kind == "mixed" ? mixed(rows) : items(kind, rows);
    PostgresServer old_server(options(15));
    PostgresServer new_server(options(17));
    nlohmann::json names = nlohmann::json::array();
    for (const Table& table : tables) {
      names.push_back(table.name);
    }
    for (PostgresServer* server : {&old_server, &new_server}) {
      server->create_database("app");
      build(*server, tables, server == &old_server);
    }
    std::cout << nlohmann::json{{"old", old_server.port()},
                                {"new", new_server.port()},
                                {"password", old_server.options().password.reveal()},
                                {"tables", names}}
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
