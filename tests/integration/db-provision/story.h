#pragma once

#include <future>
#include <string>
#include <vector>

#include "fixtures/postgres/daemon.h"
#include "integration/cutover/site.h"

namespace crossover::test {

/// Everything that stands in a database's catalogue but for PostgreSQL's own: a line each, in
/// order. By plain SQL, without a look at any names of ours.
inline std::string catalogue(Service& service, sync::Side side) {
  postgres::Session session = service.server(side).connect("app");
  const postgres::Rows rows = session.query(R"(
    WITH own AS (SELECT oid, nspname FROM pg_namespace
                 WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
    SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
      SELECT format('schema %s %s', nspname, nspacl) AS line FROM pg_namespace
        WHERE nspname !~ '^pg_(toast_)?temp_'
      UNION ALL SELECT format('relation %s.%s %s %s %s %s', nspname, relname, relkind, relacl,
        reloptions, relhastriggers) FROM pg_class c JOIN own ON own.oid = relnamespace
      UNION ALL SELECT format('column %s %s %s %s %s', attrelid::regclass, attname,
        format_type(atttypid, atttypmod), attnotnull, attacl) FROM pg_attribute
        JOIN pg_class c ON c.oid = attrelid JOIN own ON own.oid = relnamespace WHERE attnum > 0
      UNION ALL SELECT format('constraint %s of %s: %s', conname, conrelid::regclass,
        pg_get_constraintdef(k.oid)) FROM pg_constraint k JOIN own ON own.oid = connamespace
      UNION ALL SELECT format('trigger %s of %s %s', tgname, tgrelid::regclass, tgenabled)
        FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT format('function %s %s', p.oid::regprocedure, proacl) FROM pg_proc p
        JOIN own ON own.oid = pronamespace
      UNION ALL SELECT format('type %s %s', typname, typtype) FROM pg_type
        JOIN own ON own.oid = typnamespace
      UNION ALL SELECT format('role %s %s', rolname, rolconfig) FROM pg_roles
      UNION ALL SELECT format('setting %s %s %s', setdatabase, setrole, setconfig)
        FROM pg_db_role_setting
      UNION ALL SELECT format('default privileges %s', defaclacl) FROM pg_default_acl
      UNION ALL SELECT format('database %s %s', datname, datacl) FROM pg_database
      UNION ALL SELECT format('slot %s', slot_name) FROM pg_replication_slots
      UNION ALL SELECT format('publication %s', pubname) FROM pg_publication
      UNION ALL SELECT format('event trigger %s', evtname) FROM pg_event_trigger
      UNION ALL SELECT format('extension %s', extname) FROM pg_extension) AS lines)");
  return std::string(rows.text(0, 0));
}

/// A service under load, and its migration by the programs as a person types them.
class Story {
 public:
  explicit Story(const std::string& more = {})
      : more_(std::string("approval: none\nsync:\n  answers: {listen: none, advisoryLocks: none, "
                          "temporaryTables: none, workers: none}\n") +
              more),
        site_(more_, Begun::nothing),
        before_(catalogues()) {}

  Site& site() { return site_; }
  Service& service() { return site_.service(); }
  Writers& writers() { return writers_; }

  /// The following migration: that of the database of `old_side`.
  void begin_another(const std::string& name, sync::Side old_side) {
    site_.write_config(name, old_side, more_);
  }

  nlohmann::json data_sync(int exit_code, std::vector<std::string> arguments) {
    return site_.run_program(exit_code, CROSSOVER_DATA_SYNC, std::move(arguments));
  }
  /// `data-sync follow` with `arguments` beside the test; a switch ends it, or a change of the
  /// schema. With what it serves at `metrics_port()`.
  std::future<process::Outcome> follow(std::vector<std::string> arguments,
                                       const std::string& stop_at = {}) {
    arguments.insert(arguments.begin(), "follow");
    arguments.insert(arguments.end(), {"--interval", "50ms", "--metrics-bind-address",
                                       fmt::format("127.0.0.1:{}", metrics_port_)});
    return std::async(std::launch::async, [this, arguments, stop_at] {
      return site_.start_program(CROSSOVER_DATA_SYNC, arguments, stop_at);
    });
  }
  int metrics_port() const { return metrics_port_; }

  /// The service goes on: 30 more transactions were acknowledged.
  void written() { REQUIRE(writers_.wait_for(30, std::chrono::seconds(60))); }

  /// Ends the load. No request failed, and `live` has what was acknowledged.
  void end_load(sync::Side live) {
    writers_.stop();
    CHECK(writers_.failures() == std::vector<std::string>{});
    CHECK(writers_.differences(service(), live) == std::vector<std::string>{});
  }

  std::vector<std::string> catalogues() {
    return {catalogue(service(), sync::Side::old_side), catalogue(service(), sync::Side::new_side)};
  }
  /// As they were before anything was done.
  const std::vector<std::string>& before() const { return before_; }

 private:
  std::string more_;
  Site site_;
  std::vector<std::string> before_;
  Writers writers_{site_.service(), 3, std::chrono::milliseconds(10)};
  int metrics_port_ = free_port();
};

}  // namespace crossover::test
