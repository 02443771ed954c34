#include "sync/trigger_sql.h"

#include <catch2/catch.hpp>

using namespace crossover;
using namespace crossover::sync;

namespace {

SyncedTable odd() {
  SyncedTable table;
  table.id = 7;
  table.table = {"public", "Odd \"x\""};
  table.relations = {table.table};
  table.key = {"Key A"};
  table.key_types = {{.type = "text", .collation = ""}};
  table.columns = {"Key A", "note"};
  table.types = {"text", "text"};
  return table;
}

}  // namespace

TEST_CASE("no trigger definition shows the token") {
  const Secret token(std::string("canary-0123456789"));
  const std::string sql = create_capture_triggers_sql(odd(), odd().table, token) +
                          create_gate_trigger_sql(odd().table, token, true) +
                          create_gate_function_sql() + create_capture_functions_sql(odd());
  CHECK(sql.find("canary") == std::string::npos);
}

TEST_CASE("identifiers are quoted and every function has a pinned search_path") {
  const std::string sql = create_capture_functions_sql(odd());
  CHECK(sql.find("SELECT new_rows.\"Key A\" FROM new_rows") != std::string::npos);
  std::size_t functions = 0;
  for (std::size_t at = sql.find("CREATE OR REPLACE FUNCTION"); at != std::string::npos;
       at = sql.find("CREATE OR REPLACE FUNCTION", at + 1)) {
    ++functions;
    CHECK(sql.find("SECURITY DEFINER SET search_path = pg_catalog, pg_temp", at) !=
          std::string::npos);
  }
  CHECK(functions == 4);
}

TEST_CASE("a table that takes part in inheritance is captured row by row") {
  SyncedTable table = odd();
  table.shape = Shape::inheriting;
  const std::string functions = create_capture_functions_sql(table);
  CHECK(functions.find("FROM (SELECT new.\"Key A\" UNION SELECT old.\"Key A\") AS keys") !=
        std::string::npos);
  CHECK(functions.find("_rows") == std::string::npos);
  const std::string triggers =
      create_capture_triggers_sql(table, table.table, Secret(std::string("canary")));
  CHECK(triggers.find("AFTER UPDATE ON \"public\".\"Odd \"\"x\"\"\"  FOR EACH ROW WHEN") !=
        std::string::npos);
  CHECK(triggers.find("AFTER TRUNCATE ON \"public\".\"Odd \"\"x\"\"\"  FOR EACH STATEMENT") !=
        std::string::npos);
  CHECK(triggers.find("REFERENCING") == std::string::npos);
}

TEST_CASE("a keyless table logs that it changed, not which rows") {
  SyncedTable table = odd();
  table.key.clear();
  const std::string sql = create_capture_functions_sql(table);
  CHECK(sql.find("new_rows") == std::string::npos);
  CHECK(sql.find("whole") != std::string::npos);
}

// Each write of the application pays for what the log has. A drain finds what is new by the index;
// the keys are looked up in the table that they are of.
TEST_CASE("a log is as narrow as can be, and is vacuumed by what is deleted from it") {
  SyncedTable table = odd();
  table.key = {"Key A", "at"};
  table.key_types = {{.type = "character varying(20)", .collation = "pg_catalog.\"C\""},
                     {.type = "date", .collation = ""}};
  CHECK(create_log_sql(table) ==
        "CREATE TABLE IF NOT EXISTS crossover.log_7 (txid bigint NOT NULL, addr inet, whole "
        "boolean, k1 character varying(20) COLLATE pg_catalog.\"C\", k2 date) WITH "
        "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, fillfactor = "
        "100);\n"
        "CREATE INDEX IF NOT EXISTS log_7_txid ON crossover.log_7 (txid);\n");
}
