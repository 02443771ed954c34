#include "sync/state.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>

#include "base/error.h"
#include "digest/sha256.h"
#include "postgres/quote.h"
#include "sync/array.h"
#include "sync/gate.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

// Functions in the schema run with the rights of the migration role, so nobody else may create
// anything there.
constexpr std::string_view create_schema = R"(
CREATE SCHEMA IF NOT EXISTS crossover;
REVOKE ALL ON SCHEMA crossover FROM PUBLIC;
CREATE TABLE IF NOT EXISTS crossover.migration (
  name text PRIMARY KEY,
  version integer NOT NULL,
  side text NOT NULL CHECK (side IN ('old', 'new')),
  phase text NOT NULL,
  apply_token text NOT NULL,
  owner_token text NOT NULL DEFAULT '',
  drainer_token text NOT NULL DEFAULT '',
  moving_to text NOT NULL DEFAULT '' CHECK (moving_to IN ('', 'old', 'new')),
  plan_sha256 text NOT NULL DEFAULT '',
  capture text NOT NULL DEFAULT '',
  changed_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS crossover.synced_table (
  id integer PRIMARY KEY,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  policy text NOT NULL,
  shape text NOT NULL,
  key_columns text[] NOT NULL,
  key_types text[] NOT NULL,
  key_collations text[] NOT NULL,
  key_operators text[] NOT NULL,
  column_names text[] NOT NULL,
  column_types text[] NOT NULL,
  relation_schemas text[] NOT NULL,
  relation_names text[] NOT NULL,
  copied boolean NOT NULL DEFAULT false,
  copied_rows bigint,
  start_snapshot txid_snapshot,
  UNIQUE (schema_name, table_name));
CREATE TABLE IF NOT EXISTS crossover.synced_schema (name text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS crossover.copy_piece (
  id bigint PRIMARY KEY,
  owner text NOT NULL,
  table_id integer NOT NULL,
  relation_schema text,
  relation_name text,
  first_page bigint,
  end_page bigint,
  exported text NOT NULL,
  late boolean NOT NULL DEFAULT false,
  done boolean NOT NULL DEFAULT false,
  copied_rows bigint NOT NULL DEFAULT 0,
  copied_bytes bigint NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS copy_piece_left ON crossover.copy_piece (id) WHERE NOT done;
CREATE INDEX IF NOT EXISTS copy_piece_of_table ON crossover.copy_piece (table_id) WHERE NOT done;
CREATE TABLE IF NOT EXISTS crossover.kept_row (
  table_id integer NOT NULL,
  key text[] NOT NULL,
  PRIMARY KEY (table_id, key));
CREATE TABLE IF NOT EXISTS crossover.saved_row (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  table_id integer NOT NULL,
  operation text NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
  certain boolean NOT NULL,
  content json NOT NULL);
CREATE TABLE IF NOT EXISTS crossover.carried_mark (
  direction text PRIMARY KEY CHECK (direction IN ('forward', 'reverse')),
  source_snapshot txid_snapshot NOT NULL,
  target_snapshot txid_snapshot NOT NULL,
  origin text NOT NULL);
CREATE TABLE IF NOT EXISTS crossover.position (
  direction text PRIMARY KEY CHECK (direction IN ('forward', 'reverse')),
  snapshot txid_snapshot NOT NULL,
  system_identifier text NOT NULL,
  timeline text NOT NULL,
  fingerprint text NOT NULL,
  schema_lines text NOT NULL,
  capture text NOT NULL DEFAULT '',
  drained_at timestamptz NOT NULL DEFAULT now(),
  drained_rows bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS crossover.evidence (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  task text NOT NULL,
  verb text NOT NULL,
  actor text NOT NULL,
  outcome text NOT NULL,
  plan_sha256 text NOT NULL,
  started_at text NOT NULL,
  detail text NOT NULL);
)";

Side side_of(std::string_view text) { return text == "new" ? Side::new_side : Side::old_side; }

[[noreturn]] void throw_lost(std::string_view what) {
  throw Error(
      ErrorKind::locked,
      fmt::format("unable to go on: another process has become the {} of this migration", what),
      "look at `data-sync status` and `route-switch status`, then run this step again");
}

Shape shape_of(std::string_view text) {
  return text == name(Shape::partitioned)  ? Shape::partitioned
         : text == name(Shape::inheriting) ? Shape::inheriting
                                           : Shape::plain;
}

// A statement that must change exactly the migration's row of its owner.
void change_owned(Session& session, std::string_view assignment, std::string_view value,
                  std::string_view owner) {
  const Rows rows = session.query(
      fmt::format("UPDATE crossover.migration SET {} = $1, changed_at = clock_timestamp() "
                  "WHERE owner_token = $2",
                  assignment),
      {std::string(value), std::string(owner)});
  if (rows.affected() != 1) {
    throw_lost("owner");
  }
}

// The token comes by COPY: with log_statement = all a server logs texts and parameters of
// statements, but not the rows of a copy (PostgreSQL manual, "Error Reporting and Logging").
void insert_migration(Session& session, std::string_view migration, Side side,
                      const Secret& apply_token) {
  session.batch("CREATE TABLE crossover.handover (apply_token text)");
  postgres::CopyIn copy = session.copy_in("COPY crossover.handover FROM STDIN");
  copy.write(apply_token.reveal() + "\n");
  copy.finish();
  session.query(
      "INSERT INTO crossover.migration (name, version, side, phase, apply_token) "
      "SELECT $1, $2::int, $3, 'installed', apply_token FROM crossover.handover",
      {std::string(migration), std::to_string(state_version), std::string(name(side))});
  session.batch("DROP TABLE crossover.handover");
}

std::vector<std::string> of_keys(const SyncedTable& table, std::string KeyType::*member) {
  std::vector<std::string> values;
  for (const KeyType& type : table.key_types) {
    values.push_back(type.*member);
  }
  return values;
}

}  // namespace

void install_state(Session& session, std::string_view migration, Side side,
                   const Secret& apply_token) {
  postgres::Transaction transaction(session);
  // Two installers at once would fail on the catalogue's unique indexes, so they take turns.
  session.query("SELECT pg_advisory_xact_lock(hashtext('crossover.install'))");
  if (!read_migration(session)) {
    session.batch(create_schema);
    insert_migration(session, migration, side, apply_token);
  }
  require_own(session, migration, side);
  transaction.commit();
}

void require_own(Session& session, std::string_view migration, Side side) {
  const auto present = read_migration(session);
  if (present && (present->name != migration || present->side != side)) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to use database '{}' for migration '{}': it takes part in migration "
                    "'{}' as the {} side",
                    session.options().database, migration, present->name, name(present->side)),
        fmt::format("end that one by `data-sync remove{}` with its own configuration, or correct "
                    "databases in crossover.yaml",
                    gate_state(session) == GateState::closed ? " --open-closed-side" : ""));
  }
}

std::optional<Migration> read_migration(Session& session) {
  const Rows there = session.query("SELECT to_regclass('crossover.migration') IS NOT NULL");
  if (!there.boolean(0, 0)) {
    return std::nullopt;
  }
  // Not by the columns' names, which another version may have changed.
  const Rows rows = session.query(
      "SELECT m->>'name', m->>'side', m->>'phase', m->>'apply_token', m->>'owner_token', "
      "m->>'drainer_token', m->>'moving_to', m->>'plan_sha256', m->>'version' "
      "FROM (SELECT to_jsonb(migration) AS m FROM crossover.migration) AS migrations");
  if (rows.empty()) {
    return std::nullopt;
  }
  if (rows.int64(0, 8) != state_version) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read the state of migration '{}': its layout is {}, this "
                            "program's is {}",
                            rows.text(0, 0), rows.int64(0, 8), state_version),
                "end this migration with the version of Crossover that began it");
  }
  Migration migration;
  migration.name = rows.text(0, 0);
  migration.side = side_of(rows.text(0, 1));
  migration.phase = rows.text(0, 2);
  migration.apply_token = Secret(std::string(rows.text(0, 3)));
  migration.owner_token = rows.text(0, 4);
  migration.drainer_token = rows.text(0, 5);
  migration.moving_to = rows.text(0, 6);
  migration.plan_sha256 = rows.text(0, 7);
  return migration;
}

Migration require_migration(Session& session, std::string_view where) {
  std::optional<Migration> migration = read_migration(session);
  if (!migration) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to find a migration in '{}': it has no schema crossover", where),
        "run `data-sync start` first");
  }
  return *std::move(migration);
}

void require_kept(Session& old_side, std::string_view verb) {
  const auto migration = read_migration(old_side);
  if (migration && migration->phase == abandoned_phase) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to {}: the new database was given up by `route-switch rollback "
                            "--accept-loss`",
                            verb),
                "list what was written there and not carried by `data-sync salvage` when it "
                "answers again, end this migration by `data-sync remove`, make the new database "
                "anew and begin again");
  }
}

void take_owner(Session& session, std::string_view token) {
  const Rows rows = session.query(
      "UPDATE crossover.migration SET owner_token = $1, "
      "changed_at = clock_timestamp()",
      {std::string(token)});
  if (rows.affected() != 1) {
    throw_lost("owner");
  }
}

void require_owner(Session& session, std::string_view token) {
  // Shared: the workers of one owner must not wait for each other.
  const Rows rows = session.query(
      "SELECT 1 FROM crossover.migration WHERE owner_token = $1 FOR SHARE", {std::string(token)});
  if (rows.size() != 1) {
    throw_lost("owner");
  }
}

void take_drainer(Session& session, std::string_view token) {
  const Rows rows =
      session.query("UPDATE crossover.migration SET drainer_token = $1", {std::string(token)});
  if (rows.affected() != 1) {
    throw_lost("drainer");
  }
}

void set_phase(Session& session, std::string_view owner, std::string_view phase) {
  change_owned(session, "phase", phase, owner);
}

void set_plan(Session& session, std::string_view owner, std::string_view plan_sha256) {
  change_owned(session, "plan_sha256", plan_sha256, owner);
}

void set_moving_to(Session& session, std::string_view owner, std::optional<Side> side) {
  change_owned(session, "moving_to", side ? name(*side) : "", owner);
}

void record_tables(Session& session, const std::vector<SyncedTable>& tables,
                   const std::vector<std::string>& schemas) {
  std::vector<postgres::Statement> statements;
  for (const SyncedTable& table : tables) {
    std::vector<std::string> relation_schemas;
    std::vector<std::string> names;
    for (const TableName& relation : table.relations) {
      relation_schemas.push_back(relation.schema);
      names.push_back(relation.name);
    }
    statements.push_back(
        {"INSERT INTO crossover.synced_table (id, schema_name, table_name, policy, shape, "
         "key_columns, column_names, column_types, relation_schemas, relation_names, key_types, "
         "key_collations, key_operators) VALUES ($1::int, $2, $3, $4, $5, $6::text[], $7::text[], "
         "$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) "
         "ON CONFLICT (id) DO NOTHING",
         {std::to_string(table.id), table.table.schema, table.table.name,
          std::string(name(table.policy)), std::string(name(table.shape)), text_array(table.key),
          text_array(table.columns), text_array(table.types), text_array(relation_schemas),
          text_array(names), text_array(of_keys(table, &KeyType::type)),
          text_array(of_keys(table, &KeyType::collation)),
          text_array(of_keys(table, &KeyType::equals))},
         {}});
  }
  statements.push_back(
      {"INSERT INTO crossover.synced_schema (name) SELECT unnest($1::text[]) "
       "ON CONFLICT (name) DO NOTHING",
       {text_array(schemas)},
       {}});
  session.pipeline(statements);
}

std::vector<SyncedTable> read_tables(Session& session) {
  const Rows rows = session.query(
      "SELECT id, schema_name, table_name, policy, key_columns, column_names, column_types, "
      "relation_schemas, relation_names, key_types, key_collations, key_operators, shape "
      "FROM crossover.synced_table ORDER BY id");
  std::vector<SyncedTable> tables;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SyncedTable table;
    table.id = static_cast<int>(rows.int64(i, 0));
    table.table = {std::string(rows.text(i, 1)), std::string(rows.text(i, 2))};
    table.policy = rows.text(i, 3) == "merge" ? Policy::merge : Policy::replace;
    table.shape = shape_of(rows.text(i, 12));
    table.key = parse_text_array(rows.text(i, 4));
    table.columns = parse_text_array(rows.text(i, 5));
    table.types = parse_text_array(rows.text(i, 6));
    const auto types = parse_text_array(rows.text(i, 9));
    const auto collations = parse_text_array(rows.text(i, 10));
    const auto operators = parse_text_array(rows.text(i, 11));
    for (std::size_t k = 0; k < types.size(); ++k) {
      table.key_types.push_back({types[k], collations.at(k), operators.at(k)});
    }
    const auto schemas = parse_text_array(rows.text(i, 7));
    const auto names = parse_text_array(rows.text(i, 8));
    for (std::size_t k = 0; k < schemas.size(); ++k) {
      table.relations.push_back({schemas[k], names.at(k)});
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

std::int64_t uncopied_tables(Session& session) {
  return session.query("SELECT count(*) FROM crossover.synced_table WHERE NOT copied").int64(0, 0);
}

std::string new_token() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(ErrorKind::failure, "unable to make a token: the kernel gave no random bytes");
  }
  std::string text;
  for (const unsigned char byte : bytes) {
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

Session open_apply_session(const Database& database, std::string_view purpose,
                           const Secret& apply_token) {
  Session session = database.open(purpose);
  try {
    session.batch("SET session_replication_role = replica");
  } catch (Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
    throw Error(ErrorKind::precondition,
                fmt::format("unable to set session_replication_role in '{}': role '{}' may not",
                            database.describe(), session.options().user),
                "use a superuser, or from PostgreSQL 15 on GRANT SET ON PARAMETER "
                "session_replication_role TO the role: with foreign keys firing, applying a "
                "deleted row would cascade to rows that must stay")
        .set_sqlstate("42501");
  }
  // The server takes the token from its own table, so that no statement's text and no parameter
  // that it may log holds it.
  const Rows known = session.query(
      "SELECT set_config('crossover.apply', apply_token, false) IS NOT NULL "
      "FROM crossover.migration WHERE encode(sha256(convert_to(apply_token, 'UTF8')), 'hex') = $1",
      {digest::sha256(apply_token.reveal())});
  if (known.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to apply rows to '{}': its state is of another start of the "
                            "migration",
                            database.describe()),
                "was it restored from a backup? take it off with `data-sync remove` and start "
                "again");
  }
  return session;
}

void append_evidence(Session& session, const Evidence& entry) {
  session.query(
      "INSERT INTO crossover.evidence (task, verb, actor, outcome, plan_sha256, started_at, "
      "detail) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {entry.task, entry.verb, entry.actor, entry.outcome, entry.plan_sha256, entry.started_at,
       entry.detail});
}

std::vector<Evidence> read_evidence(Session& session) {
  const Rows rows = session.query(
      "SELECT task, verb, actor, outcome, plan_sha256, started_at, detail "
      "FROM crossover.evidence ORDER BY id");
  std::vector<Evidence> entries;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    entries.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1)),
                       std::string(rows.text(i, 2)), std::string(rows.text(i, 3)),
                       std::string(rows.text(i, 4)), std::string(rows.text(i, 5)),
                       std::string(rows.text(i, 6))});
  }
  return entries;
}

bool has_done(Session& session, std::string_view task, std::string_view verb) {
  return !session
              .query(
                  "SELECT FROM crossover.evidence WHERE task = $1 AND verb = $2 "
                  "AND outcome = 'done' LIMIT 1",
                  {std::string(task), std::string(verb)})
              .empty();
}

std::vector<SavedRow> read_saved_rows(Session& session) {
  const Rows rows = session.query(
      "SELECT to_json(r.at)#>>'{}', t.schema_name || '.' || t.table_name, r.operation, r.certain, "
      "r.content "
      "FROM crossover.saved_row r JOIN crossover.synced_table t ON t.id = r.table_id "
      "ORDER BY r.id");
  std::vector<SavedRow> saved;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    saved.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1)),
                     std::string(rows.text(i, 2)), rows.boolean(i, 3),
                     std::string(rows.text(i, 4))});
  }
  return saved;
}

}  // namespace crossover::sync
