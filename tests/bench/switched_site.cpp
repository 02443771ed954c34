#include "bench/switched_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "base/error.h"
#include "bench/switching.h"

namespace crossover::bench {
namespace {

using postgres::Session;
using sync::Side;

constexpr int writers = 16;
constexpr std::size_t most_hot_tables = 12;

test::ServerOptions server_options(int version) {
  test::ServerOptions options;
  options.version = version;
  options.settings = {{"fsync", "on"},
                      {"full_page_writes", "on"},
                      {"shared_buffers", "256MB"},
                      {"max_wal_size", "2GB"},
                      {"max_locks_per_transaction", "256"}};
  return options;
}

std::string create_sql(const std::string& name) {
  return fmt::format(
      "CREATE TABLE public.{}(id bigserial PRIMARY KEY, name text NOT NULL, counter bigint NOT "
      "NULL "
      "DEFAULT 0, note text, updated_at timestamptz NOT NULL DEFAULT now());\n",
      name);
}

std::vector<sync::SyncedTable> make_tables(int count) {
  std::vector<sync::SyncedTable> tables;
  for (int number = 1; number <= count; ++number) {
    sync::SyncedTable table;
    table.id = number;
    table.table = {"public", fmt::format("item_{:03}", number)};
    table.key = {"id"};
    table.key_types = {{.type = "bigint", .collation = ""}};
    table.columns = {"id", "name", "counter", "note", "updated_at"};
    table.types = {"bigint", "text", "bigint", "text", "timestamp with time zone"};
    table.relations = {table.table};
    tables.push_back(std::move(table));
  }
  return tables;
}

std::map<std::string, std::string> entries(int app_port, int new_port) {
  return {{"app", fmt::format("host=127.0.0.1 port={} dbname=app", app_port)},
          {"app_check", fmt::format("host=127.0.0.1 port={} dbname=app", new_port)}};
}

}  // namespace

Site::Site(const SiteSize& size)
    : size_(size),
      rows_per_table_(std::max<std::int64_t>(1, size.rows / size.tables)),
      tables_(make_tables(size.tables)),
      old_(server_options(15)),
      new_(server_options(17)) {
  fill();
  old_database_ = std::make_unique<test::FixedDatabase>(old_.options("app"));
  new_database_ = std::make_unique<test::FixedDatabase>(new_.options("app"));
  install();
  test::PgBouncerOptions options;
  options.databases = entries(old_.port(), new_.port());
  options.users = {"postgres", "app"};
  pooler_ = std::make_unique<test::PgBouncer>(options);
  pooler_->write_config("old.ini", entries(old_.port(), new_.port()));
  pooler_->write_config("new.ini", entries(new_.port(), new_.port()));
}

void Site::fill() {
  for (test::PostgresServer* server : {&old_, &new_}) {
    server->create_role("app");
    server->create_database("app");
    Session session = server->connect("app");
    std::string sql;
    for (const sync::SyncedTable& table : tables_) {
      sql += create_sql(table.table.name);
    }
    session.batch(sql +
                  "GRANT USAGE ON SCHEMA public TO app;"
                  "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app;"
                  "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app;");
  }
  Session session = old_.connect("app");
  for (const sync::SyncedTable& table : tables_) {
    session.query(fmt::format("INSERT INTO {}(name, note) SELECT 'name ' || i, repeat('x', 40) "
                              "FROM generate_series(1, $1::bigint) i",
                              table.table.quoted()),
                  {std::to_string(rows_per_table_)});
  }
}

void Site::install() {
  install_sync(databases(), tables_);
  for (const test::FixedDatabase* database : {old_database_.get(), new_database_.get()}) {
    Session session = database->open("install");
    session.batch("VACUUM ANALYZE");
    session.batch("CHECKPOINT");
  }
}

cutover::Fleet Site::fleet() const {
  std::vector<std::unique_ptr<cutover::Pooler>> poolers;
  poolers.push_back(cutover::make_pgbouncer(test::pgbouncer_options(
      pooler_->port(), pooler_->directory().string(), old_.port(), new_.port())));
  return cutover::Fleet(std::move(poolers));
}

std::vector<std::string> Site::hot_tables() const {
  std::vector<std::string> names;
  const std::size_t count = std::min(most_hot_tables, tables_.size());
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back(tables_[i * tables_.size() / count].table.quoted());
  }
  return names;
}

Load::Load(Site& site, int rate)
    : site_(site),
      interval_(std::chrono::nanoseconds(std::chrono::seconds(writers)) / rate),
      start_(std::chrono::steady_clock::now()) {
  for (int i = 0; i < writers; ++i) {
    threads_.emplace_back([this, i] { write(i); });
  }
}

Load::~Load() { stop(); }

void Load::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

void Load::write(int index) {
  const std::vector<std::string> tables = site_.hot_tables();
  std::mt19937 random(static_cast<unsigned>(index));
  std::optional<Session> session;
  // Evenly spread, and a schedule rather than a pause between: what was held up is made up for.
  auto next = start_ + interval_ * index / writers;
  while (!stopping_) {
    std::this_thread::sleep_until(next);
    next = std::max(next + interval_, std::chrono::steady_clock::now() - 20 * interval_);
    try {
      if (!session) {
        session.emplace(site_.service());
        for (std::size_t t = 0; t < tables.size(); ++t) {
          session->prepare(fmt::format("change_{}", t),
                           fmt::format("UPDATE {} SET counter = counter + 1, updated_at = now() "
                                       "WHERE id = $1",
                                       tables[t]));
          session->prepare(fmt::format("add_{}", t),
                           fmt::format("INSERT INTO {}(name) VALUES ($1)", tables[t]));
        }
      }
      const auto id = static_cast<std::int64_t>(random()) % site_.rows_per_table() + 1;
      const auto begin = std::chrono::steady_clock::now();
      session->batch("BEGIN");
      session->execute_prepared(fmt::format("change_{}", random() % tables.size()),
                                {std::to_string(id)});
      session->execute_prepared(fmt::format("add_{}", random() % tables.size()), {"added"});
      session->batch("COMMIT");
      ++acknowledged_;
      const std::lock_guard lock(mutex_);
      durations_.emplace_back(std::chrono::steady_clock::now() - begin);
    } catch (const Error& error) {
      ++failed_;
      const std::lock_guard lock(mutex_);
      first_failure_ = first_failure_.empty() ? error.text() : first_failure_;
      session.reset();
    }
  }
}

std::string Load::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

std::vector<std::chrono::duration<double, std::milli>> Load::durations() const {
  const std::lock_guard lock(mutex_);
  auto sorted = durations_;
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

double Load::achieved_rate() const {
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
  return static_cast<double>(acknowledged_) / time.count();
}

std::int64_t Load::difference(Side live) const {
  Session session = site_.server(live).connect("app");
  std::int64_t counted = 0;
  std::int64_t added = 0;
  for (const std::string& table : site_.hot_tables()) {
    const auto rows = session.query(
        fmt::format("SELECT coalesce(sum(counter), 0)::bigint, count(*) FILTER (WHERE name = "
                    "'added') FROM {}",
                    table));
    counted += rows.int64(0, 0);
    added += rows.int64(0, 1);
  }
  const auto expected = static_cast<std::int64_t>(acknowledged_);
  return std::max(std::abs(counted - expected), std::abs(added - expected));
}

}  // namespace crossover::bench
