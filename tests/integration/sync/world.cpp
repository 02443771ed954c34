#include "world.h"

#include <fmt/format.h>

#include <map>
#include <random>

#include "base/error.h"
#include "sync/catalogue.h"
#include "sync/drain.h"
#include "sync/selection.h"

namespace crossover::test {

const char* const world_schema = R"(
CREATE TYPE public.state AS ENUM ('open', 'done');
CREATE TABLE public.role (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE public.counter (id bigint PRIMARY KEY, value bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE public.event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token text NOT NULL,
  role_id int REFERENCES public.role, body jsonb, state public.state DEFAULT 'open',
  raw bytea, price numeric(10,2), tags text[], doubled numeric GENERATED ALWAYS AS (price * 2) STORED);
CREATE TABLE public."Odd ""Name" ("Key A" text, "key,b" char(5), note varchar(20),
  PRIMARY KEY ("Key A", "key,b"));
CREATE TABLE public.tree (id int PRIMARY KEY, parent int REFERENCES public.tree ON DELETE CASCADE);
CREATE TABLE public.note (at timestamptz DEFAULT now(), text text);
CREATE TABLE public.part (id bigint NOT NULL, at date NOT NULL, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE public.part_2024 PARTITION OF public.part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE public.part_rest PARTITION OF public.part DEFAULT;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON public.counter FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE ROLE writer LOGIN;
GRANT USAGE ON SCHEMA public TO writer;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer;
)";

namespace {

constexpr const char* old_rows = R"(
INSERT INTO public.role (name) SELECT 'role ' || i FROM generate_series(1, 50) i;
INSERT INTO public.counter (id) SELECT i FROM generate_series(1, 3000) i;
INSERT INTO public.event (token, role_id, body, raw, price, tags)
  SELECT 'first ' || i, 1 + i % 50, jsonb_build_object('i', i, 'text', E'tab\t"quote" \\ back'), decode('00ff5c', 'hex'),
         i / 7.0, CASE WHEN i % 3 = 0 THEN NULL ELSE ARRAY['a,b', NULL, E'x\ny', ''] END FROM generate_series(1, 5000) i;
INSERT INTO public."Odd ""Name" SELECT 'key ' || i, i::text, NULL FROM generate_series(1, 200) i;
INSERT INTO public.tree SELECT i, NULLIF(i / 2, 0) FROM generate_series(1, 300) i;
INSERT INTO public.note (text) SELECT 'same' FROM generate_series(1, 20);
INSERT INTO public.part SELECT i, date '2023-12-01' + i % 500, 'v' FROM generate_series(1, 1000) i;
)";

void create(PostgresServer& server, bool full) {
  server.create_database("app");
  postgres::Session session = server.connect("app");
  session.batch(world_schema);
  session.batch(fmt::format("ALTER ROLE writer PASSWORD '{}'", server.options().password.reveal()));
  if (full) {
    session.batch(old_rows);
  }
}

}  // namespace

World::World(int old_version, int new_version) : old_server(old_version), new_server(new_version) {
  create(old_server, true);
  create(new_server, false);
  select();
}

void World::select() {
  postgres::Session session = old_db.open("catalogue");
  sync::Findings findings;
  tables =
      sync::select_tables(sync::read_catalogue(session, settings.schemas), settings, "", findings);
  if (sync::refuses(findings)) {
    throw std::logic_error(findings.front().object + " " + findings.front().text);
  }
}

void World::add_schema(const std::string& sql) {
  for (const sync::Side side : {sync::Side::old_side, sync::Side::new_side}) {
    databases.at(side).open("test").batch(sql);
  }
  select();
}

void World::start(sync::Direction direction) {
  for (const sync::Side side : {sync::Side::old_side, sync::Side::new_side}) {
    postgres::Session session = databases.at(side).open("install");
    sync::install_state(session, "test", side, apply_token);
    sync::take_owner(session, owner);
    sync::take_drainer(session, owner);
    sync::record_tables(session, tables, settings.schemas);
    sync::install_gate(session, tables, apply_token, side == sync::Side::new_side, install());
  }
  postgres::Session source = databases.at(sync::source(direction)).open("install");
  postgres::Session target = databases.at(sync::target(direction)).open("install");
  sync::install_capture(source, tables, apply_token, install());
  sync::start_position(source, target, direction, tables);
}

std::string World::dump(postgres::Session& session, const std::string& table) {
  const postgres::Rows rows = session.query(fmt::format(
      "SELECT string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\") FROM public.{} t", table));
  return std::string(rows.text(0, 0));
}

bool World::equal_by_sql(const sync::Databases& databases) {
  postgres::Session left = databases.old_db.open("check");
  postgres::Session right = databases.new_db.open("check");
  for (const char* table : {"role", "counter", "event", "\"Odd \"\"Name\"", "tree", "note", "part",
                            "part_2024", "part_rest"}) {
    if (dump(left, table) != dump(right, table)) {
      return false;
    }
  }
  return true;
}

namespace {

// With what an application has by default, and sessions of ours have not.
postgres::Session open_writer(const PostgresServer& server) {
  postgres::ConnectionOptions options = server.options("app", "writer");
  options.settings["row_security"] = "on";
  return postgres::Session(options);
}

std::int64_t read_counter(postgres::Session& session, std::size_t index) {
  return session
      .query("SELECT value FROM public.counter WHERE id = $1::bigint", {std::to_string(index + 1)})
      .int64(0, 0);
}

std::int64_t count_events(postgres::Session& session) {
  return session.query("SELECT count(*) FROM public.event").int64(0, 0);
}

}  // namespace

Writers::Writers(const PostgresServer& server, int count, OnLoss on_loss)
    : server_(server),
      on_loss_(on_loss),
      counters_(static_cast<std::size_t>(count)),
      tokens_(static_cast<std::size_t>(count)) {
  postgres::Session session = server.connect("app");
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    counters_[i] = read_counter(session, i);
  }
  events_before_ = count_events(session);
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([this, i] { run(i); });
  }
}

void Writers::stop() {
  done_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

std::vector<std::string> Writers::differences(const sync::Database& database) const {
  postgres::Session session = database.open("check");
  std::vector<std::string> found;
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const std::int64_t value = read_counter(session, i);
    if (value != counters_[i]) {
      found.push_back(fmt::format("counter {}: {} instead of {}", i + 1, value, counters_[i]));
    }
  }
  std::map<std::string, int> times;
  const postgres::Rows rows = session.query("SELECT token FROM public.event");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ++times[std::string(rows.text(i, 0))];
  }
  std::int64_t events = events_before_;
  for (const auto& tokens : tokens_) {
    events += static_cast<std::int64_t>(tokens.size());
    for (const std::string& token : tokens) {
      if (times[token] != 1) {
        found.push_back(fmt::format("token {}: there {} times", token, times[token]));
      }
    }
  }
  if (count_events(session) != events) {
    found.push_back(fmt::format("events: {} instead of {}", count_events(session), events));
  }
  return found;
}

void Writers::acknowledge(int index, const std::string& token) {
  ++counters_[static_cast<std::size_t>(index)];
  tokens_[static_cast<std::size_t>(index)].insert(token);
}

// A server that starts takes its time.
postgres::Session Writers::reconnect() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    try {
      postgres::Session session = open_writer(server_);
      ++reconnections_;
      return session;
    } catch (const Error&) {
      if (std::chrono::steady_clock::now() > end) {
        throw;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// One transaction after the other, at each isolation level in turn: a read-then-absolute write, an
// insert, now and then a key change, a delete, a row movement between partitions, a keyless insert.
void Writers::run(int index) {
  try {
    postgres::Session session = open_writer(server_);
    std::mt19937 random(static_cast<unsigned>(index));
    const std::string id = std::to_string(index + 1);
    const char* const levels[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    for (int n = 0; !done_; ++n) {
      const std::string token = fmt::format("load {} writer {} {}", id_, index, n);
      try {
        postgres::Transaction transaction(session,
                                          fmt::format("ISOLATION LEVEL {}", levels[n % 3]));
        const auto value =
            session.query("SELECT value FROM public.counter WHERE id = $1::bigint", {id})
                .int64(0, 0);
        session.query("UPDATE public.counter SET value = $2::bigint WHERE id = $1::bigint",
                      {id, std::to_string(value + 1)});
        session.query("INSERT INTO public.event (token, role_id, price) VALUES ($1, $2::int, 1.5)",
                      {token, std::to_string(1 + random() % 50)});
        if (n % 5 == 0) {
          session.query("UPDATE public.\"Odd \"\"Name\" SET \"Key A\" = $1 WHERE \"key,b\" = $2",
                        {token, id});
          session.query(
              "UPDATE public.part SET at = date '2023-12-01' + $2::int WHERE id = $1::bigint",
              {id, std::to_string(random() % 500)});
        }
        if (n % 20 == 0) {
          session.query("INSERT INTO public.note (text) VALUES ($1)", {token});
          session.query("DELETE FROM public.tree WHERE id = $1::int",
                        {std::to_string(100 + random() % 200)});
        }
        transaction.commit();
        acknowledge(index, token);
      } catch (const Error& error) {
        if (error.sqlstate() == "40001" || error.sqlstate() == "40P01") {
          continue;
        }
        if (session.broken() && on_loss_ == OnLoss::reconnect) {
          session = reconnect();
          if (!session.query("SELECT FROM public.event WHERE token = $1", {token}).empty()) {
            acknowledge(index, token);
          }
          continue;
        }
        ++failures_;
        const std::lock_guard lock(mutex_);
        last_failure_ = error.text() + " " + error.sqlstate();
        if (error.sqlstate() == "25006") {
          return;
        }
      }
    }
  } catch (const std::exception& error) {
    ++failures_;
    const std::lock_guard lock(mutex_);
    last_failure_ = error.what();
  }
}

}  // namespace crossover::test
