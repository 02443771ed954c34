#include "flyway/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace crossover::flyway {

namespace {

using postgres::quote_identifier;
using postgres::Rows;
using postgres::Session;

std::string table_of(const config::Flyway& flyway) {
  return postgres::quote_qualified(flyway.schema, flyway.history_table);
}

bool there(Session& session, const config::Flyway& flyway) {
  return session
      .query(
          "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
          "WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r')",
          {flyway.schema, flyway.history_table})
      .boolean(0, 0);
}

bool same(const Migration& left, const Migration& right) {
  return left.version == right.version && left.script == right.script &&
         left.checksum == right.checksum && left.type == right.type;
}

std::string title(const Migration& migration) {
  return migration.version.empty() ? migration.script : migration.version;
}

/// The table's columns as Flyway of that release has made them.
Rows columns_of(Session& session, const config::Flyway& flyway) {
  return session.query(
      "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
      "pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a "
      "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
      "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped "
      "ORDER BY a.attnum",
      {flyway.schema, flyway.history_table});
}

/// The statements that make the table as it is in `from`.
std::string create_sql(Session& from, const config::Flyway& flyway, const Rows& columns) {
  const std::string table = table_of(flyway);
  std::string list;
  for (std::size_t row = 0; row < columns.size(); ++row) {
    list +=
        fmt::format("{}{} {}{}{}", list.empty() ? "" : ", ", quote_identifier(columns.text(row, 0)),
                    columns.text(row, 1),
                    columns.is_null(row, 3) ? "" : fmt::format(" DEFAULT {}", columns.text(row, 3)),
                    columns.boolean(row, 2) ? " NOT NULL" : "");
  }
  std::string sql = fmt::format("CREATE TABLE {} ({});", table, list);
  const std::vector<postgres::Param> names = {flyway.schema, flyway.history_table};
  const Rows keys = from.query(
      "SELECT conname, pg_get_constraintdef(k.oid) FROM pg_constraint k "
      "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE n.nspname = $1 AND c.relname = $2 AND contype = 'p'",
      names);
  for (std::size_t row = 0; row < keys.size(); ++row) {
    sql += fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {};", table,
                       quote_identifier(keys.text(row, 0)), keys.text(row, 1));
  }
  const Rows indexes = from.query(
      "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
      "JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE n.nspname = $1 AND c.relname = $2 AND NOT i.indisprimary",
      names);
  for (std::size_t row = 0; row < indexes.size(); ++row) {
    sql += fmt::format("{};", indexes.text(row, 0));
  }
  const Rows owner = from.query(
      "SELECT pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
      names);
  return sql +
         fmt::format("ALTER TABLE {} OWNER TO {};", table, quote_identifier(owner.text(0, 0)));
}

void copy_row(Session& from, Session& to, const config::Flyway& flyway, const Rows& columns,
              int rank) {
  std::string names;
  std::string values;
  for (std::size_t row = 0; row < columns.size(); ++row) {
    const char* comma = row == 0 ? "" : ", ";
    names += comma + quote_identifier(columns.text(row, 0));
    values += fmt::format("{}${}::{}", comma, row + 1, columns.text(row, 1));
  }
  const Rows source = from.query(
      fmt::format("SELECT {} FROM {} WHERE installed_rank = $1::int", names, table_of(flyway)),
      {std::to_string(rank)});
  std::vector<postgres::Param> params;
  for (std::size_t column = 0; column < source.columns(); ++column) {
    params.push_back(source.value(0, column));
  }
  to.query(fmt::format("INSERT INTO {} ({}) VALUES ({})", table_of(flyway), names, values), params);
}

}  // namespace

std::optional<History> read_history(Session& session, const config::Flyway& flyway) {
  if (!there(session, flyway)) {
    return std::nullopt;
  }
  const Rows rows = session.query(
      fmt::format("SELECT installed_rank, version, description, type, script, checksum::text, "
                  "success FROM {} ORDER BY installed_rank",
                  table_of(flyway)));
  History history;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Migration migration;
    migration.rank = static_cast<int>(rows.int64(row, 0));
    migration.version = rows.text(row, 1);
    migration.description = rows.text(row, 2);
    migration.type = rows.text(row, 3);
    migration.script = rows.text(row, 4);
    migration.checksum = rows.text(row, 5);
    migration.success = rows.boolean(row, 6);
    history.push_back(std::move(migration));
  }
  return history;
}

std::string newest_version(const History& history) {
  for (auto migration = history.rbegin(); migration != history.rend(); ++migration) {
    if (migration->success && !migration->version.empty()) {
      return migration->version;
    }
  }
  return {};
}

std::size_t applied_since(const std::optional<History>& before, const History& after) {
  const int last = before && !before->empty() ? before->back().rank : 0;
  return static_cast<std::size_t>(std::ranges::count_if(after, [&](const Migration& migration) {
    return migration.success && migration.rank > last;
  }));
}

Adoption compare_histories(const History& from, const std::optional<History>& to) {
  Adoption adoption;
  adoption.created = !to;
  for (const Migration& migration : from) {
    if (!migration.success) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to adopt Flyway's history: migration '{}' failed in the new "
                              "database",
                              title(migration)),
                  "mend it and run 'flyway repair' there first");
    }
    const auto twin =
        to ? std::ranges::find(*to, migration.rank, &Migration::rank) : History::const_iterator();
    if (!to || twin == to->end()) {
      adoption.added.push_back(migration);
    } else if (!same(*twin, migration)) {
      throw Error(ErrorKind::conflict,
                  fmt::format("unable to adopt Flyway's history: rank {} is '{}' in the new "
                              "database and '{}' in the old one",
                              migration.rank, title(migration), title(*twin)),
                  "the old database has been migrated by other scripts; compare both histories");
    }
  }
  for (const Migration& migration : to.value_or(History())) {
    if (std::ranges::find(from, migration.rank, &Migration::rank) == from.end()) {
      throw Error(ErrorKind::conflict,
                  fmt::format("unable to adopt Flyway's history: only the old database has "
                              "migration '{}'",
                              title(migration)),
                  "bring the new database to that version first");
    }
  }
  return adoption;
}

Adoption adopt_history(Session& from, Session& to, const config::Flyway& flyway) {
  const std::optional<History> source = read_history(from, flyway);
  if (!source) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to adopt Flyway's history: '{}.{}' is not in the new database",
                            flyway.schema, flyway.history_table),
                "provision.flyway.schema and historyTable say where it is");
  }
  postgres::Transaction transaction(to);
  Adoption adoption = compare_histories(*source, read_history(to, flyway));
  const Rows columns = columns_of(from, flyway);
  if (adoption.created) {
    to.batch(create_sql(from, flyway, columns));
  } else if (!adoption.added.empty()) {
    to.batch(fmt::format("LOCK TABLE {} IN EXCLUSIVE MODE", table_of(flyway)));
    adoption = compare_histories(*source, read_history(to, flyway));
  }
  for (const Migration& migration : adoption.added) {
    copy_row(from, to, flyway, columns, migration.rank);
  }
  transaction.commit();
  return adoption;
}

}  // namespace crossover::flyway
