#include "integration/cutover/service.h"

#include <fmt/format.h>

#include <random>

#include "base/error.h"
#include "base/stop.h"
#include "sync/capture.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/state.h"
#include "sync/verification.h"

namespace crossover::test {
namespace {

using postgres::Session;
using sync::Side;

constexpr std::string_view schema = R"(
CREATE TABLE public.profile(id bigserial PRIMARY KEY, name text UNIQUE,
  counter bigint NOT NULL DEFAULT 0, updated_at timestamptz DEFAULT now());
CREATE TABLE public.event(id bigserial PRIMARY KEY, profile_id bigint REFERENCES public.profile(id),
  token text NOT NULL);
GRANT USAGE ON SCHEMA public TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app;
)";

std::vector<sync::SyncedTable> tables() {
  sync::SyncedTable profile;
  profile.id = 1;
  profile.table = {"public", "profile"};
  profile.key = {"id"};
  profile.key_types = {{.type = "bigint", .collation = ""}};
  profile.columns = {"id", "name", "counter", "updated_at"};
  profile.types = {"bigint", "text", "bigint", "timestamp with time zone"};
  profile.relations = {profile.table};
  sync::SyncedTable event;
  event.id = 2;
  event.table = {"public", "event"};
  event.key = {"id"};
  event.key_types = profile.key_types;
  event.columns = {"id", "profile_id", "token"};
  event.types = {"bigint", "bigint", "text"};
  event.relations = {event.table};
  return {profile, event};
}

std::map<std::string, std::string> entries(int app_port, int new_port) {
  return {{"app", fmt::format("host=127.0.0.1 port={} dbname=app", app_port)},
          {"app_check", fmt::format("host=127.0.0.1 port={} dbname=app", new_port)}};
}

}  // namespace

Session FixedDatabase::open(std::string_view purpose) const {
  postgres::ConnectionOptions options = options_;
  options.application_name = fmt::format("crossover {}", purpose);
  options.connect_timeout = std::chrono::seconds(2);
  return Session(options);
}

Service::Service(std::size_t poolers, int rows, Begun begun) : old_(15), new_(17) {
  for (PostgresServer* server : {&old_, &new_}) {
    server->create_role("app");
    server->create_database("app");
    server->connect("app").batch(schema);
  }
  old_.connect("app").query(
      "INSERT INTO public.profile(name) SELECT 'p' || i FROM generate_series(1, $1::int) i",
      {std::to_string(rows)});
  old_database_ = std::make_unique<FixedDatabase>(old_.options("app"));
  new_database_ = std::make_unique<FixedDatabase>(new_.options("app"));
  if (begun == Begun::copied) {
    install();
  }
  old_port_ = old_.port();
  new_port_ = new_.port();
  for (std::size_t i = 0; i < poolers; ++i) {
    PgBouncerOptions options;
    options.databases = entries(old_port_, new_port_);
    options.users = {"postgres", "app"};
    poolers_.push_back(std::make_unique<PgBouncer>(options));
    write_targets(*poolers_.back());
  }
}

void Service::write_targets(const PgBouncer& pooler) const {
  pooler.write_config("old.ini", entries(old_port_, new_port_));
  pooler.write_config("new.ini", entries(new_port_, new_port_));
  auto start = entries(old_port_, new_port_);
  start.erase("app");
  pooler.write_config("start.ini", start);
}

void Service::lead_poolers_by(int old_port, int new_port) {
  old_port_ = old_port;
  new_port_ = new_port;
  const SystemClock clock;
  for (const auto& pooler : poolers_) {
    write_targets(*pooler);
  }
  fleet().retarget(Side::old_side, Deadline(clock, std::chrono::seconds(5)));
}

void Service::install() {
  Session old_side = old_database_->open("install");
  Session new_side = new_database_->open("install");
  const Secret token("apply-token-canary");
  sync::install_state(old_side, migration, Side::old_side, token);
  sync::install_state(new_side, migration, Side::new_side, token);
  SystemClock clock;
  NoLog log;
  NoProgress progress;
  const StopRequest stop;
  const sync::InstallContext context{clock, stop, log, {}};
  for (Session* session : {&old_side, &new_side}) {
    sync::record_tables(*session, tables(), {"public"});
    sync::install_capture(*session, tables(), token, context);
    sync::install_gate(*session, tables(), token, session == &new_side, context);
    sync::take_owner(*session, "installer");
    sync::take_drainer(*session, "installer");
  }
  sync::start_position(old_side, new_side, sync::Direction::forward, tables());
  sync::start_position(new_side, old_side, sync::Direction::reverse, tables());
  sync::copy_tables(databases(), sync::Direction::forward, tables(), token, "installer", {},
                    {clock, stop, log, progress});
  old_side.batch("UPDATE crossover.synced_table SET copied = true");  // the rows are its own
  sync::record_verification(new_side, sync::Direction::forward,
                            {.equal = true, .point = "1:1:", .at = {}, .tables = 2});
}

cutover::PgbouncerOptions pgbouncer_options(int pooler_port, const std::string& folder,
                                            int old_port, int new_port) {
  cutover::PgbouncerOptions options;
  options.name = fmt::format("127.0.0.1:{}", pooler_port);
  options.admin.host = "127.0.0.1";
  options.admin.port = pooler_port;
  options.admin.user = "postgres";
  options.admin.password = Secret("superuser-password-canary");
  options.admin.sslmode = "disable";
  options.entry = "app";
  options.folder = folder;
  options.old_target = {"127.0.0.1", old_port, "app"};
  options.new_target = {"127.0.0.1", new_port, "app"};
  options.check_user = "app";
  options.check_password = Secret("superuser-password-canary");
  return options;
}

std::unique_ptr<cutover::Pooler> Service::pooler_port(std::size_t index) const {
  const PgBouncer& pooler = *poolers_.at(index);
  return cutover::make_pgbouncer(
      pgbouncer_options(pooler.port(), pooler.directory().string(), old_port_, new_port_));
}

cutover::Fleet Service::fleet() const {
  std::vector<std::unique_ptr<cutover::Pooler>> ports;
  for (std::size_t i = 0; i < poolers_.size(); ++i) {
    ports.push_back(pooler_port(i));
  }
  return cutover::Fleet(std::move(ports));
}

cutover::PoolerState Service::state(std::size_t index) const {
  const SystemClock clock;
  return pooler_port(index)->state(Deadline(clock, std::chrono::seconds(5)));
}

std::int64_t Service::number(Side side, const std::string& sql) {
  return server(side).connect("app").query(sql).int64(0, 0);
}

std::vector<std::string> Service::driver_arguments() const {
  std::vector<std::string> arguments = {std::to_string(old_.port()), std::to_string(new_.port())};
  for (const auto& pooler : poolers_) {
    arguments.push_back(fmt::format("{}:{}:{}:{}", pooler->port(), old_port_, new_port_,
                                    pooler->directory().string()));
  }
  return arguments;
}

Writers::Writers(Service& service, int count, std::chrono::milliseconds pause)
    : service_(service), pause_(pause), counts_(static_cast<std::size_t>(count)) {
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([this, i] { write(i); });
  }
}

Writers::~Writers() { stop(); }

void Writers::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

void Writers::one_transaction(Session& session, int index, const std::string& token) {
  static constexpr std::array<const char*, 3> levels = {"READ COMMITTED", "REPEATABLE READ",
                                                        "SERIALIZABLE"};
  const std::string id = std::to_string(index + 1);
  session.batch(
      fmt::format("BEGIN ISOLATION LEVEL {}", levels.at(static_cast<std::size_t>(index) % 3)));
  const std::string event =
      std::string(session.query("SELECT nextval('public.event_id_seq')").text(0, 0));
  const std::int64_t counter = session.execute_prepared("read", {id}).int64(0, 0);
  session.query("UPDATE public.profile SET counter = $1, updated_at = now() WHERE id = $2",
                {std::to_string(counter + 1), id});
  session.query("INSERT INTO public.event(id, profile_id, token) VALUES ($1, $2, $3)",
                {event, id, token});
  session.batch("COMMIT");
}

void Writers::write(int index) {
  const PgBouncer& pooler =
      service_.pooler(static_cast<std::size_t>(index) % service_.pooler_count());
  std::mt19937 random(static_cast<unsigned>(index));
  std::optional<Session> session;
  for (std::int64_t n = 0; !stopping_;) {
    const auto start = std::chrono::steady_clock::now();
    const std::string token = fmt::format("{}-{}", index, n);
    try {
      if (!session) {
        session.emplace(pooler.options("app", "app"));
        session->prepare("read", "SELECT counter FROM public.profile WHERE id = $1");
      }
      one_transaction(*session, index, token);
      ++n;
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - start);
      const std::lock_guard lock(mutex_);
      ++counts_[static_cast<std::size_t>(index)];
      tokens_.insert(token);
      slowest_ = std::max<std::int64_t>(slowest_, took.count());
      ++acknowledged_;
    } catch (const Error& error) {
      if (error.sqlstate() != "40001") {
        const std::lock_guard lock(mutex_);
        failures_.push_back(error.sqlstate() + " " + error.text());
      }
      try {
        if (session && !session->broken()) {
          session->batch("ROLLBACK");
        } else {
          session.reset();
        }
      } catch (const Error&) {
        session.reset();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::this_thread::sleep_for(pause_ * (50 + random() % 100) / 100);
  }
}

std::vector<std::string> Writers::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

bool Writers::wait_for(std::uint64_t more, std::chrono::milliseconds budget) const {
  const std::uint64_t goal = acknowledged_ + more;
  const auto end = std::chrono::steady_clock::now() + budget;
  while (acknowledged_ < goal) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

std::vector<std::string> Writers::differences(Service& service, Side live) const {
  std::vector<std::string> found;
  Session session = service.server(live).connect("app");
  const auto rows = session.query("SELECT token FROM public.event");
  std::set<std::string> there;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    there.insert(std::string(rows.text(i, 0)));
  }
  for (const std::string& token : tokens_) {
    if (!there.contains(token)) {
      found.push_back("lost token " + token);
    }
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const std::int64_t counter =
        session.query("SELECT counter FROM public.profile WHERE id = $1", {std::to_string(i + 1)})
            .int64(0, 0);
    if (counter != counts_[i]) {
      found.push_back(
          fmt::format("writer {}: acknowledged {}, counted {}", i, counts_[i], counter));
    }
  }
  return found;
}

Straggler::Straggler(Service& service, Side side) {
  const postgres::ConnectionOptions options = service.server(side).options("app", "app");
  const std::string prefix = fmt::format("stray-{}", sync::name(side));
  thread_ = std::thread([this, options, prefix] {
    Session session(options);
    for (int n = 0; !stopping_; ++n) {
      const std::string token = fmt::format("{}-{}", prefix, n);
      try {
        session.batch("BEGIN");
        session.query("INSERT INTO public.event(profile_id, token) VALUES (1, $1)", {token});
        std::this_thread::sleep_for(std::chrono::milliseconds(n % 4));
        session.batch("COMMIT");
        ++accepted_;
        tokens_.push_back(token);
      } catch (const Error& error) {
        if (error.sqlstate() != "25006") {
          return;  // the accepted ones are still looked for
        }
        ++refused_;
        session.batch("ROLLBACK");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(4));
    }
  });
}

Straggler::~Straggler() { stop(); }

void Straggler::stop() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::vector<std::string> Straggler::lost(Service& service, Side live) const {
  std::vector<std::string> lost;
  Session session = service.server(live).connect("app");
  for (const std::string& token : tokens_) {
    if (session.query("SELECT 1 FROM public.event WHERE token = $1", {token}).size() != 1) {
      lost.push_back(token);
    }
  }
  return lost;
}

}  // namespace crossover::test
