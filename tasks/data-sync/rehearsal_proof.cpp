#include "data-sync/rehearsal_proof.h"

#include <fmt/format.h>

#include <map>

#include "cutover/rehearsal_entry.h"
#include "postgres/quote.h"
#include "sync/array.h"

namespace crossover::data_sync {
namespace {

using postgres::Rows;
using postgres::Session;
using sync::Side;

// SECURITY DEFINER: the application's role knows nothing of the schema. What a session has set must
// not change how a value is written.
constexpr const char* note_sql = R"(
CREATE SCHEMA crossover_rehearsal;
CREATE TABLE crossover_rehearsal.written (table_id int NOT NULL, added boolean NOT NULL, image jsonb);
CREATE FUNCTION crossover_rehearsal.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog SET timezone = 'UTC' SET datestyle = 'ISO'
  SET intervalstyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1 AS $note$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO crossover_rehearsal.written VALUES (TG_ARGV[0]::int, false, NULL);
  ELSIF TG_OP = 'INSERT' OR to_jsonb(OLD) <> to_jsonb(NEW) THEN
    INSERT INTO crossover_rehearsal.written VALUES (TG_ARGV[0]::int, TG_OP = 'INSERT', to_jsonb(NEW));
  END IF;
  RETURN NULL;
END $note$;
)";

constexpr std::size_t most_shown = 5;

// The join looks a row up by its key; a keyless table is read through.
std::string trace_sql(const sync::SyncedTable& table) {
  std::string match;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::string column = postgres::quote_identifier(table.key[i]);
    match += fmt::format("t.{0} {1} r.{0} AND ", column, table.key_types.at(i).equals);
  }
  return fmt::format(
      "SELECT (SELECT jsonb_object_agg(key, value) FROM jsonb_each(w.image) "
      "WHERE key = ANY ($2::text[]))::text, w.added OR strpos(w.image::text, $3) > 0 FROM "
      "jsonb_to_recordset($1::jsonb) w (image jsonb, added "
      "boolean), jsonb_populate_record(NULL::{0}, w.image) r, {2} t "
      "WHERE {1}to_jsonb(t.*) @> w.image",
      table.table.quoted(), match, table.only());
}

// All images of a table, as one JSON array. Columns that are generated say nothing of their own.
Rows read_images(Session& session, const sync::SyncedTable& table) {
  std::string columns;
  for (const std::string& column : table.columns) {
    columns += (columns.empty() ? "" : ", ") + postgres::quote_literal(column);
  }
  return session.query(
      fmt::format(
          "SELECT jsonb_agg(jsonb_build_object('image', image, 'added', added)), count(*) FROM ("
          "SELECT image, bool_or(added) AS added FROM (SELECT added, (SELECT jsonb_object_agg(key, "
          "value) FROM jsonb_each(image) WHERE key IN ({})) AS image "
          "FROM crossover_rehearsal.written WHERE table_id = $1::int AND image IS NOT NULL) w "
          "GROUP BY image) i",
          columns),
      {std::to_string(table.id)});
}

void add(std::vector<std::string>& list, std::string text) {
  if (list.size() < most_shown) {
    list.push_back(std::move(text));
  }
}

// Marks are visible to every role, in all databases of the server.
void look_for_marks(Session& session, const std::string& where, std::int64_t mark,
                    const std::string& rehearsal_database, bool home, RehearsalSessions& found) {
  const Rows rows = session.query(
      "SELECT d.datname, count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
      "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
      "AND l.classid = (($1::bigint >> 32) & 4294967295)::oid "
      "AND l.objid = ($1::bigint & 4294967295)::oid GROUP BY 1",
      {std::to_string(mark)});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.text(i, 0) == rehearsal_database) {
      // Both databases may be of one server, which is counted once.
      found.in_rehearsal += home ? static_cast<int>(rows.int64(i, 1)) : 0;
    } else {
      found.elsewhere.push_back(
          fmt::format("{} in database '{}' by '{}'", rows.int64(i, 1), rows.text(i, 0), where));
    }
  }
}

void look_for_addresses(Session& session, const std::string& where,
                        const std::vector<std::string>& addresses, RehearsalSessions& found) {
  const Rows rows = session.query(
      "SELECT host(client_addr), count(*) FROM pg_stat_activity "
      "WHERE datname = current_database() AND host(client_addr) = ANY ($1::text[]) GROUP BY 1",
      {sync::text_array(addresses)});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.elsewhere.push_back(
        fmt::format("{} from {} in '{}'", rows.int64(i, 1), rows.text(i, 0), where));
  }
}

}  // namespace

void note_writes(const sync::Database& rehearsal, const std::vector<sync::SyncedTable>& tables) {
  Session session = rehearsal.open("rehearse");
  std::string sql = note_sql;
  for (const sync::SyncedTable& table : tables) {
    sql += fmt::format(
        "CREATE TRIGGER crossover_rehearsal AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW "
        "EXECUTE FUNCTION crossover_rehearsal.note('{}');\n",
        table.table.quoted(), table.id);
  }
  session.batch(sql);
}

RehearsalSessions find_sessions(const Run& run, const std::string& rehearsal_database,
                                const std::vector<std::string>& addresses) {
  const std::int64_t mark = cutover::rehearsal_mark(run.config().name);
  RehearsalSessions found;
  for (const Side side : {Side::new_side, Side::old_side}) {
    Session session = run.at(side).open("rehearse");
    const std::string where = run.at(side).describe();
    look_for_marks(session, where, mark, rehearsal_database, side == Side::new_side, found);
    if (!addresses.empty()) {
      look_for_addresses(session, where, addresses, found);
    }
  }
  return found;
}

Traces find_traces(const sync::Database& rehearsal, const sync::Database& live,
                   const std::vector<sync::SyncedTable>& tables, const std::string& token) {
  Session noted = rehearsal.open("rehearse");
  Session session = live.open("rehearse");
  Traces traces;
  for (const sync::SyncedTable& table : tables) {
    const Rows images = read_images(noted, table);
    const bool there =
        session.query("SELECT to_regclass($1) IS NOT NULL", {table.table.quoted()}).boolean(0, 0);
    if (images.is_null(0, 0)) {
      continue;
    }
    traces.written += images.int64(0, 1);
    if (!there) {
      continue;
    }
    const Rows rows = session.query(
        trace_sql(table), {std::string(images.text(0, 0)), sync::text_array(table.key), token});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      // By its key alone: the rest is nobody's business.
      add(rows.boolean(i, 1) ? traces.found : traces.alike,
          fmt::format("{} {}", table.table.text(), rows.text(i, 0)));
    }
  }
  return traces;
}

}  // namespace crossover::data_sync
