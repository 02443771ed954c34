#include "data-sync/rehearsal_database.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/stop_point.h"
#include "cutover/rehearsal_entry.h"
#include "postgres/quote.h"

namespace crossover::data_sync {
namespace {

using postgres::quote_identifier;
using postgres::quote_literal;
using postgres::Rows;

config::Database named(config::Database database, const std::string& name) {
  database.database = name;
  return database;
}

std::string creation_sql(postgres::Session& session, const std::string& name) {
  constexpr int has_providers = 150000;
  constexpr int has_one_locale = 170000;
  const int version = session.server_version();
  const Rows own = session.query(fmt::format(
      "SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba), "
      "{}, {} FROM pg_database WHERE datname = current_database()",
      version < has_providers ? "'c'" : "datlocprovider",
      version < has_providers    ? "NULL"
      : version < has_one_locale ? "daticulocale"
                                 : "datlocale"));
  std::string sql =
      fmt::format("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
                  quote_identifier(name), quote_literal(own.text(0, 0)),
                  quote_literal(own.text(0, 1)), quote_literal(own.text(0, 2)));
  if (own.text(0, 4) == "i") {
    sql += fmt::format(" LOCALE_PROVIDER icu ICU_LOCALE {}", quote_literal(own.text(0, 5)));
  } else if (own.text(0, 4) == "b") {
    sql += fmt::format(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", quote_literal(own.text(0, 5)));
  }
  return sql + fmt::format(" OWNER {}", quote_identifier(own.text(0, 3)));
}

// The value of a setting that is a list of names stands quoted in the catalogue already
// (GUC_LIST_QUOTE; pg_dump knows them by name too).
bool is_list(std::string_view setting) {
  constexpr std::array<std::string_view, 4> lists = {
      "search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"};
  return std::find(lists.begin(), lists.end(), setting) != lists.end();
}

void copy_settings(postgres::Session& session, const std::string& name) {
  const Rows rows = session.query(
      "SELECT r.rolname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1) "
      "FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
      "LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) c "
      "WHERE d.datname = current_database()");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string setting(rows.text(i, 1));
    const std::string value(rows.text(i, 2));
    const std::string database = quote_identifier(name);
    const std::string subject =
        rows.is_null(i, 0)
            ? fmt::format("DATABASE {}", database)
            : fmt::format("ROLE {} IN DATABASE {}", quote_identifier(rows.text(i, 0)), database);
    session.batch(fmt::format("ALTER {} SET {} TO {}", subject, quote_identifier(setting),
                              is_list(setting) && !value.empty() ? value : quote_literal(value)));
  }
}

void copy_rights(postgres::Session& session, const std::string& name) {
  const Rows rows = session.query(
      "SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) "
      "END, a.privilege_type FROM pg_database d, aclexplode(d.datacl) a "
      "WHERE d.datname = current_database() AND a.grantee <> d.datdba");
  const bool as_made =
      session.query("SELECT datacl IS NULL FROM pg_database WHERE datname = current_database()")
          .boolean(0, 0);
  if (as_made) {
    return;
  }
  std::string sql = fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC;", quote_identifier(name));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // The catalogue's own words: a kind of right, and a name that the server has quoted.
    sql += fmt::format("GRANT {} ON DATABASE {} TO {};", rows.text(i, 1), quote_identifier(name),
                       rows.text(i, 0));
  }
  session.batch(sql);
}

}  // namespace

RehearsalDatabase::RehearsalDatabase(const Run& run)
    : run_(run),
      name_(cutover::rehearsal_database(run.config().name)),
      database_(
          named(run.config().require(run.config().databases.new_side, "databases.new"), name_),
          "databases.new", run.endpoint_context()) {}

bool RehearsalDatabase::exists() const {
  postgres::Session session = run_.at(sync::Side::new_side).open("rehearse");
  return !session.query("SELECT FROM pg_database WHERE datname = $1", {name_}).empty();
}

std::int64_t RehearsalDatabase::expected_bytes() const {
  postgres::Session session = run_.at(sync::Side::new_side).open("rehearse");
  return session.query("SELECT pg_database_size(current_database())").int64(0, 0);
}

void RehearsalDatabase::create() const {
  postgres::Session session = run_.at(sync::Side::new_side).open("rehearse");
  try {
    session.query(creation_sql(session, name_));
  } catch (const Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
    throw Error(ErrorKind::precondition,
                fmt::format("unable to create database '{}': {}", name_, error.message()),
                fmt::format("ALTER ROLE {} CREATEDB, and make it a member of the role that owns "
                            "the new database",
                            quote_identifier(session.options().user)))
        .set_sqlstate(error.sqlstate());
  }
  stop_point("rehearse-database");
  copy_settings(session, name_);
  copy_rights(session, name_);
}

bool RehearsalDatabase::drop() const {
  constexpr int first_with_force = 130000;
  if (!exists()) {
    return false;
  }
  postgres::Session session = run_.at(sync::Side::new_side).open("rehearse");
  const std::string quoted = quote_identifier(name_);
  if (session.server_version() >= first_with_force) {
    session.query(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted));
    return true;
  }
  session.batch(fmt::format("ALTER DATABASE {} ALLOW_CONNECTIONS false", quoted));
  session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                {name_});
  // It waits up to 5 s for those that are on their way out.
  session.query(fmt::format("DROP DATABASE IF EXISTS {}", quoted));
  return true;
}

}  // namespace crossover::data_sync
