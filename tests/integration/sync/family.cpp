#include "integration/sync/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/retry.h"
#include "sync/gate.h"

namespace crossover::test {
namespace {

using sync::Direction;

constexpr const char* family_schema = R"(
CREATE TABLE public.asset (id bigint PRIMARY KEY, value bigint NOT NULL DEFAULT 0, note text);
CREATE TABLE public.taxed (id bigint NOT NULL, rate int NOT NULL DEFAULT 1);
CREATE TABLE public.house (rooms int, PRIMARY KEY (id)) INHERITS (public.asset);
CREATE TABLE public.car ("Plate No" text PRIMARY KEY) INHERITS (public.asset);
CREATE TABLE public.bus (seats int, PRIMARY KEY ("Plate No")) INHERITS (public.car);
CREATE TABLE public.boat (length int) INHERITS (public.asset);
CREATE TABLE public.villa (pools int, PRIMARY KEY (id, pools))
  INHERITS (public.house, public.taxed);
CREATE TABLE public.measure (id bigserial PRIMARY KEY, day int NOT NULL, note text);
CREATE TABLE public.measure_0 (CHECK (day < 10), PRIMARY KEY (id)) INHERITS (public.measure);
CREATE TABLE public.measure_1 (CHECK (day >= 10), PRIMARY KEY (id)) INHERITS (public.measure);
CREATE FUNCTION public.route() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  IF NEW.day < 10 THEN INSERT INTO public.measure_0 VALUES (NEW.*);
  ELSE INSERT INTO public.measure_1 VALUES (NEW.*); END IF;
  RETURN NULL; END$$;
CREATE TRIGGER route BEFORE INSERT ON public.measure FOR EACH ROW EXECUTE FUNCTION public.route();
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer;
)";

constexpr const char* family_rows = R"(
INSERT INTO public.asset SELECT i, i, 'asset' FROM generate_series(1, 400) i;
INSERT INTO public.house SELECT i, i, 'house', i % 9 FROM generate_series(1, 2000) i;
INSERT INTO public.car SELECT i, i, 'car', 'car ' || i FROM generate_series(1, 300) i;
INSERT INTO public.bus SELECT i, i, 'bus', 'car ' || i, i FROM generate_series(1, 300) i;
INSERT INTO public.boat SELECT i, i, 'boat', i FROM generate_series(1, 50) i;
INSERT INTO public.villa SELECT i, i, 'villa', 1, 2, i % 3 FROM generate_series(1, 200) i;
INSERT INTO public.taxed SELECT i, 3 FROM generate_series(1, 20) i;
INSERT INTO public.measure (day, note) SELECT i % 20, 'first' FROM generate_series(1, 500) i;
)";

const std::vector<std::string>& family_tables() {
  static const std::vector<std::string> tables = {"asset",     "house",    "car",   "bus",
                                                  "boat",      "villa",    "taxed", "measure",
                                                  "measure_0", "measure_1"};
  return tables;
}

/// Those with a row for each number, all of which a statement on their parent reaches.
const std::vector<std::string>& asset_tables() {
  static const std::vector<std::string> tables = {"asset", "house", "car", "bus", "boat", "villa"};
  return tables;
}

std::int64_t value_of(postgres::Session& session, const std::string& table, std::size_t id) {
  return session
      .query(fmt::format("SELECT value FROM ONLY public.{} WHERE id = $1::bigint", table),
             {std::to_string(id)})
      .int64(0, 0);
}

}  // namespace

Family::Family(int old_version, int new_version) : world(old_version, new_version) {
  world.add_schema(family_schema);
  world.old_db.open("test").batch(family_rows);
}

void Family::copy(Direction direction, const sync::CopyOptions& options) {
  world.start(direction);
  sync::copy_tables(world.databases, direction, world.tables, world.apply_token, world.owner,
                    options, {world.clock, world.stop, world.log, world.progress});
}

// By what stands in the database, as every later run has it.
sync::Drain Family::drain(Direction direction) {
  postgres::Session session = world.databases.at(sync::source(direction)).open("tables");
  return {world.databases,   direction,   sync::read_tables(session),
          world.apply_token, world.owner, world.log};
}

void Family::carry(Direction direction, const std::string& sql) {
  INFO(sql);
  world.databases.at(sync::source(direction)).open("test").batch(sql);
  drain(direction).run();
  CHECK(same());
}

void Family::capture_back() {
  postgres::Session new_side = world.new_db.open("install");
  postgres::Session old_side = world.old_db.open("install");
  sync::install_capture(new_side, world.tables, world.apply_token, world.install());
  sync::start_position(new_side, old_side, Direction::reverse, world.tables);
}

void Family::move(Direction direction) {
  sync::Drain last = drain(direction);
  postgres::Session source = world.databases.at(sync::source(direction)).open("gate");
  last.run();
  last.prepare_finish(world.owner, 100, std::chrono::seconds(90));
  retry(
      world.clock, world.stop, RetryPolicy{.budget = std::chrono::seconds(60)},
      [](const Error& error) { return error.sqlstate() == "55P03"; },
      [&] { sync::close_gate(source, world.tables, world.owner, std::chrono::milliseconds(200)); });
  last.finish([](std::string_view) {}, [] {});
}

std::string Family::rows(postgres::Session& session, const std::string& table) {
  const postgres::Rows rows =
      session.query(fmt::format("SELECT string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\") "
                                "FROM ONLY public.{} t",
                                table));
  return fmt::format("{}:\n{}\n", table, rows.text(0, 0));
}

std::string Family::rows(const sync::Database& database) {
  postgres::Session session = database.open("check");
  std::string text;
  for (const std::string& table : family_tables()) {
    text += rows(session, table);
  }
  return text;
}

std::vector<std::string> family_statements() {
  return {
      "UPDATE public.asset SET value = value + 1 WHERE id = 7",
      "UPDATE ONLY public.asset SET value = value + 1 WHERE id = 8",
      "UPDATE public.car SET \"Plate No\" = 'new ' || \"Plate No\" WHERE id < 20",
      "UPDATE public.asset SET id = -id WHERE id BETWEEN 30 AND 40",
      "DELETE FROM public.asset WHERE id BETWEEN 50 AND 60",
      "DELETE FROM ONLY public.house WHERE id BETWEEN 60 AND 70",
      "INSERT INTO public.asset VALUES (50, 1, 'again'); INSERT INTO public.villa (id, pools) "
      "VALUES (50, 1); INSERT INTO public.boat (id) SELECT 50 FROM generate_series(1, 3)",
      "UPDATE public.taxed SET rate = rate + 1",
      "BEGIN; SAVEPOINT a; UPDATE public.boat SET value = 99; ROLLBACK TO a; UPDATE public.asset "
      "SET value = 98 WHERE id = 3; COMMIT",
      "BEGIN; UPDATE public.boat SET value = 97 WHERE id = 4; SAVEPOINT a; DELETE FROM "
      "public.boat WHERE id = 5; ROLLBACK TO a; DELETE FROM public.boat WHERE id = 6; COMMIT",
      "UPDATE public.house SET id = -id WHERE id IN (101, 102); UPDATE public.house SET id = 203 + "
      "id WHERE id IN (-101, -102)",
      "INSERT INTO public.measure (day, note) SELECT i % 20, 'more' FROM generate_series(1, 40) i; "
      "UPDATE public.measure SET note = 'changed' WHERE day IN (3, 13); DELETE FROM "
      "public.measure WHERE day = 4",
      "WITH moved AS (DELETE FROM public.measure_0 WHERE day = 5 RETURNING *) INSERT INTO "
      "public.measure_1 SELECT id, day + 10, note FROM moved",
      // More than are held in memory.
      "INSERT INTO public.house (id, value) SELECT i, 1 FROM generate_series(10000, 16000) i; "
      "INSERT INTO public.asset (id, value) SELECT i, 2 FROM generate_series(10000, 16000) i",
      "UPDATE public.asset SET value = value + 1",
      "TRUNCATE ONLY public.car",
      "INSERT INTO public.asset (id) VALUES (20001); TRUNCATE public.house; INSERT INTO "
      "public.house (id) VALUES (7)",
      "INSERT INTO public.boat (id) VALUES (1); TRUNCATE public.asset, public.taxed; INSERT INTO "
      "public.bus (id, \"Plate No\") VALUES (1, 'the first')",
      // The last one leaves them so that all can be done again.
      std::string("TRUNCATE public.asset, public.taxed, public.measure;") + family_rows,
  };
}

FamilyWriters::FamilyWriters(const PostgresServer& server, int count)
    : server_(server),
      id_(sync::new_token().substr(0, 8)),
      members_(static_cast<std::size_t>(count)) {
  postgres::Session session = server.connect("app");
  for (std::size_t i = 0; i < members_.size(); ++i) {
    for (const std::string& table : asset_tables()) {
      members_[i].values[table] = value_of(session, table, i + 1);
    }
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    threads_.emplace_back([this, i] { run(i); });
  }
}

void FamilyWriters::stop() {
  done_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

std::string FamilyWriters::last_failure() const {
  std::string failure;
  for (const Member& member : members_) {
    failure = member.failure.empty() ? failure : member.failure;
  }
  return failure;
}

std::vector<std::string> FamilyWriters::differences(const sync::Database& database) const {
  postgres::Session session = database.open("check");
  std::vector<std::string> found;
  std::map<std::string, int> times;
  const postgres::Rows rows = session.query("SELECT \"Plate No\" FROM ONLY public.bus");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ++times[std::string(rows.text(i, 0))];
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    for (const auto& [table, value] : members_[i].values) {
      if (const std::int64_t there = value_of(session, table, i + 1); there != value) {
        found.push_back(fmt::format("{} {}: {} instead of {}", table, i + 1, there, value));
      }
    }
    for (const std::string& token : members_[i].tokens) {
      if (times[token] != 1) {
        found.push_back(fmt::format("token {}: there {} times", token, times[token]));
      }
    }
  }
  return found;
}

// A statement on the oldest parent changes a row in each table; a token goes to the youngest child.
void FamilyWriters::run(std::size_t index) {
  Member& member = members_[index];
  const std::string own = std::to_string(index + 1);
  const std::string other = std::to_string(index + 101);
  const char* const levels[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
  try {
    postgres::Session session = server_.connect("app", "writer");
    for (int n = 0; !done_; ++n) {
      const std::string token = fmt::format("{} {} {}", id_, index, n);
      try {
        postgres::Transaction transaction(session,
                                          fmt::format("ISOLATION LEVEL {}", levels[n % 3]));
        session.query("UPDATE public.asset SET value = value + 1 WHERE id = $1::bigint", {own});
        session.query("INSERT INTO public.bus (id, \"Plate No\") VALUES (-1, $1)", {token});
        session.query("INSERT INTO public.measure (day, note) VALUES ($1::int, $2)",
                      {std::to_string(n % 20), token});
        if (n % 3 == 0) {
          session.query("UPDATE public.car SET \"Plate No\" = $2 WHERE id = $1::bigint",
                        {other, "of " + token});
          session.query("DELETE FROM public.asset WHERE id = $1::bigint",
                        {std::to_string(1000 + n % 900)});
        }
        transaction.commit();
        for (auto& [table, value] : member.values) {
          ++value;
        }
        member.tokens.push_back(token);
      } catch (const Error& error) {
        if (error.sqlstate() != "40001" && error.sqlstate() != "40P01") {
          throw;
        }
      }
    }
  } catch (const std::exception& error) {
    member.failure = error.what();
  }
}

}  // namespace crossover::test
