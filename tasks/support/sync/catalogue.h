#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What PostgreSQL's system catalogues say of one database, as far as moving its rows is concerned.

struct Column {
  std::string name;
  std::string type;             ///< format_type(), schema-qualified unless built in
  std::string collation = {};   ///< empty for the type's default
  std::string expression = {};  ///< default or generation expression
  bool not_null = false;
  char identity = ' ';  ///< 'a' always, 'd' by default, ' ' none (pg_attribute.attidentity)
  /// The equality of the type's default order: "=" when it is one of pg_catalog, else
  /// "OPERATOR(public.=)".
  std::string equals = "=";
  char generated = ' ';  ///< 's' stored, 'v' virtual, ' ' none (pg_attribute.attgenerated)
};

struct Constraint {
  std::string name;
  char type = ' ';  ///< pg_constraint.contype: p, u, f, c, x
  std::vector<std::string> columns;
  std::string definition;  ///< pg_get_constraintdef()
  TableName references;    ///< of a foreign key
  std::vector<std::string> referenced_columns;
};

struct UniqueIndex {
  std::string name = {};
  std::vector<std::string> columns = {};
  bool primary = false;
  bool not_null = false;     ///< every column is NOT NULL
  bool immediate = false;    ///< not deferrable
  bool nulls_equal = false;  ///< NULLS NOT DISTINCT
};

struct Table {
  std::uint32_t oid = 0;
  TableName table;
  char kind = 'r';         ///< pg_class.relkind: r, p, f
  char persistence = 'p';  ///< p, u (unlogged)
  std::string owner;
  bool partition = false;
  bool row_security = false;
  bool row_security_forced = false;  ///< it binds the table's owner too
  bool extension_owned = false;
  std::int64_t estimated_rows = 0;
  std::int64_t bytes = 0;
  std::optional<TableName> root;  ///< of a partition
  /// Direct ones by pg_inherits, in whatever schema; temporary ones, which are one session's, not.
  std::vector<TableName> parents;
  std::vector<TableName> children;
  std::vector<Column> columns;
  std::vector<Constraint> constraints;
  std::vector<UniqueIndex> unique_indexes;
  std::vector<std::string> triggers;  ///< of the users, not ours and not internal ones
  std::vector<std::string> rules;     ///< pg_get_ruledef(), and how it is enabled
  /// "trigger touch", "trigger of the foreign key K", "rule keep": what fires in our sessions too,
  /// where session_replication_role is replica, on what they do to the table.
  std::vector<std::string> interferers;
  std::vector<std::string> grants;    ///< aclexplode(), one "role: privilege" each, columns' too
  std::vector<std::string> policies;  ///< of row security, all that each says

  const Column* column(const std::string& name) const;
  /// Whether it takes part in plain table inheritance, as parent or as child.
  bool inherits() const {
    return kind != 'p' && !partition && !(parents.empty() && children.empty());
  }
};

struct Sequence {
  TableName sequence;
  std::string type;
  std::int64_t start = 1;
  std::int64_t increment = 1;
  std::int64_t minimum = 1;
  std::int64_t maximum = 0;
  bool cycle = false;
  std::optional<TableName> owner_table;
  std::string owner_column;
  std::vector<std::string> grants;  ///< as a table's
};

struct Catalogue {
  int server_version = 0;
  std::string database;
  std::string encoding;
  std::string collate;
  std::int64_t large_objects = 0;
  std::vector<std::string> prepared_transactions;  ///< gids in this database
  std::map<TableName, Table> tables;
  std::map<TableName, Sequence> sequences;
  std::map<std::string, std::string> types;  ///< enums, domains, composites: name to definition
  std::map<std::string, std::string> extensions;  ///< name to version
  std::map<std::string, std::string>
      settings;                    ///< role and database settings that change behaviour
  std::vector<std::string> views;  ///< materialised ones, for REFRESH
};

/// Reads the catalogue of `schemas`, schema `crossover` never among it. Throws Error{precondition}
/// for a schema that does not exist.
Catalogue read_catalogue(postgres::Session& session, const std::vector<std::string>& schemas);

/// The columns that tell a table's rows apart: the primary key, else the narrowest immediate unique
/// index over NOT NULL columns, else nothing. (PostgreSQL manual, REPLICA IDENTITY.) Of a
/// partitioned table never one with a generated column, which triggers are not always shown.
std::vector<std::string> row_identity(const Table& table);

/// Why one of a table's `interferers` can't be there on the "old" or "new" side. Pure.
std::string interference(const std::string& interferer, std::string_view side);

/// Which sequence belongs to which on the other side: the same name, else the one of the same
/// column.
const Sequence* counterpart(const Sequence& sequence, const Catalogue& other);

}  // namespace crossover::sync
