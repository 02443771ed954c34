#include "sync/trigger_sql.h"

#include <fmt/format.h>

#include <array>

#include "digest/sha256.h"
#include "postgres/quote.h"

namespace crossover::sync {
namespace {

using postgres::quote_identifier;

struct Operation {
  std::string_view word;         ///< in names
  std::string_view event;        ///< in CREATE TRIGGER
  std::string_view referencing;  ///< transition tables
};

constexpr std::array<Operation, 4> operations = {{
    {"insert", "INSERT", "REFERENCING NEW TABLE AS new_rows"},
    {"update", "UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"},
    {"delete", "DELETE", "REFERENCING OLD TABLE AS old_rows"},
    {"truncate", "TRUNCATE", ""},
}};

std::string function_name(const SyncedTable& table, std::string_view operation) {
  return fmt::format("crossover.capture_{}_{}", table.id, operation);
}

// Row triggers, which fire on the table that a row is in: a statement that names a parent fires its
// statement triggers alone, and they see the children's rows in the parent's shape.
bool by_row(const SyncedTable& table) { return table.shape == Shape::inheriting; }

// The keys of the new or the old rows: of a transition table, or of the row that the trigger is
// for. Qualified, since a column may bear the name of a variable of PL/pgSQL ("found", "new",
// "tg_op").
std::string keys_of(const SyncedTable& table, std::string_view age) {
  const std::string rows = fmt::format("{}{}", age, by_row(table) ? "" : "_rows");
  std::string list;
  for (const std::string& column : table.key) {
    list += fmt::format("{}{}.{}", list.empty() ? "" : ", ", rows, quote_identifier(column));
  }
  return by_row(table) ? "SELECT " + list : fmt::format("SELECT {} FROM {}", list, rows);
}

std::string log_columns(const SyncedTable& table) {
  std::string list = "txid, addr";
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    list += fmt::format(", k{}", i + 1);
  }
  return list;
}

// A row without keys says "anything may have changed": after TRUNCATE, and always for a keyless
// table. One is enough for all rows of a transaction.
std::string log_whole_table(const SyncedTable& table) {
  return fmt::format(
      "INSERT INTO {0} (txid, addr, whole) SELECT pg_catalog.txid_current(), "
      "pg_catalog.inet_client_addr(), true{1};",
      log_name(table),
      by_row(table) ? fmt::format(" WHERE NOT EXISTS (SELECT FROM {} AS logged WHERE logged.txid = "
                                  "pg_catalog.txid_current() AND logged.whole)",
                                  log_name(table))
                    : "");
}

std::string log_keys(const SyncedTable& table, std::string_view operation) {
  const std::string from_new = keys_of(table, "new");
  const std::string from_old = keys_of(table, "old");
  // UNION drops the second copy of a key that did not change, which is nearly every UPDATE.
  const std::string keys = operation == "insert"   ? from_new
                           : operation == "delete" ? from_old
                                                   : from_new + " UNION " + from_old;
  return fmt::format(
      "INSERT INTO {} ({}) SELECT pg_catalog.txid_current(), pg_catalog.inet_client_addr(), keys.* "
      "FROM ({}) AS keys;",
      log_name(table), log_columns(table), keys);
}

std::string create_function(const SyncedTable& table, std::string_view operation,
                            std::string_view body) {
  return fmt::format(
      "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
      "SET search_path = pg_catalog, pg_temp AS $crossover$ BEGIN {} RETURN NULL; END "
      "$crossover$;\n"
      "REVOKE ALL ON FUNCTION {}() FROM PUBLIC;\n",
      function_name(table, operation), body, function_name(table, operation));
}

}  // namespace

std::string unless_applying(const Secret& apply_token) {
  // An application's session has no such setting, so it never pays for the hash: it is NULL. Short,
  // since whoever opens or closes a gate makes the server read all of a table's conditions anew.
  return fmt::format(
      "(sha256(convert_to(current_setting('crossover.apply', true), 'UTF8')) "
      "IS DISTINCT FROM '\\x{}'::bytea)",
      digest::sha256(apply_token.reveal()));
}

std::string log_name(const SyncedTable& table) { return fmt::format("crossover.log_{}", table.id); }

std::string create_log_sql(const SyncedTable& table) {
  std::string columns = "txid bigint NOT NULL, addr inet, whole boolean";
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    columns += fmt::format(", k{} {}", i + 1, table.key_types.at(i).column_type());
  }
  // The index makes a drain cost what is new. Statistics and freezing of a log that is deleted
  // within minutes are not worth an autovacuum that scans it at the default thresholds.
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {0} ({1}) WITH (autovacuum_vacuum_scale_factor = 0, "
      "autovacuum_vacuum_threshold = 20000, fillfactor = 100);\n"
      "CREATE INDEX IF NOT EXISTS log_{2}_txid ON {0} (txid);\n",
      log_name(table), columns, table.id);
}

std::string create_capture_functions_sql(const SyncedTable& table) {
  std::string sql;
  for (const Operation& operation : operations) {
    const bool whole = operation.word == "truncate" || table.keyless();
    sql += create_function(table, operation.word,
                           whole ? log_whole_table(table) : log_keys(table, operation.word));
  }
  return sql;
}

std::string create_capture_triggers_sql(const SyncedTable& table, const TableName& relation,
                                        const Secret& apply_token) {
  std::string sql = drop_capture_triggers_sql(relation);
  for (const Operation& operation : operations) {
    // TRUNCATE fires those of every table that it empties, and has none for rows.
    const bool row = by_row(table) && operation.word != "truncate";
    sql += fmt::format(
        "CREATE TRIGGER crossover_capture_{0} AFTER {1} ON {2} {3} FOR EACH {4} WHEN {5} "
        "EXECUTE FUNCTION {6}();\n"
        "ALTER TABLE {2} ENABLE ALWAYS TRIGGER crossover_capture_{0};\n",
        operation.word, operation.event, relation.quoted(), row ? "" : operation.referencing,
        row ? "ROW" : "STATEMENT", unless_applying(apply_token),
        function_name(table, operation.word));
  }
  return sql;
}

std::string create_gate_function_sql() {
  return "CREATE OR REPLACE FUNCTION crossover.refuse() RETURNS trigger LANGUAGE plpgsql "
         "SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $crossover$ BEGIN "
         "RAISE EXCEPTION 'cannot execute % on \"%\": this database is closed by crossover, the "
         "service lives on the other one', TG_OP, TG_TABLE_NAME USING ERRCODE = '25006'; "
         "END $crossover$;\n"
         "REVOKE ALL ON FUNCTION crossover.refuse() FROM PUBLIC;\n";
}

std::string create_gate_trigger_sql(const TableName& relation, const Secret& apply_token,
                                    bool closed) {
  return fmt::format(
      "DROP TRIGGER IF EXISTS {0} ON {1};\n"
      "CREATE TRIGGER {0} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {1} "
      "FOR EACH STATEMENT WHEN {2} EXECUTE FUNCTION crossover.refuse();\n"
      "ALTER TABLE {1} {3} TRIGGER {0};\n",
      gate_trigger, relation.quoted(), unless_applying(apply_token),
      closed ? "ENABLE ALWAYS" : "DISABLE");
}

std::string disarm_capture_sql(const SyncedTable& table) {
  std::string sql;
  for (const Operation& operation : operations) {
    sql += create_function(table, operation.word, "");
  }
  return sql;
}

std::string drop_capture_triggers_sql(const TableName& relation) {
  std::string sql;
  for (const Operation& operation : operations) {
    sql += fmt::format("DROP TRIGGER IF EXISTS crossover_capture_{} ON {};\n", operation.word,
                       relation.quoted());
  }
  return sql;
}

std::string drop_capture_sql(const SyncedTable& table) {
  std::string sql;
  for (const Operation& operation : operations) {
    sql += fmt::format("DROP FUNCTION IF EXISTS {}();\n", function_name(table, operation.word));
  }
  return sql + fmt::format("DROP TABLE IF EXISTS {};\n", log_name(table));
}

}  // namespace crossover::sync
