#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "config/sync.h"

namespace crossover::sync {

/// A relation's name, unquoted.
struct TableName {
  std::string schema;
  std::string name;

  /// "public"."role", for SQL.
  std::string quoted() const;
  /// public.role, for people and for crossover.yaml.
  std::string text() const { return schema + "." + name; }
  auto operator<=>(const TableName&) const = default;
};

using config::Policy;
/// "replace", "merge" or "skip".
std::string_view name(Policy policy);

/// How the values of a key column are told apart.
struct KeyType {
  std::string type;       ///< as format_type() writes it
  std::string collation;  ///< schema-qualified and quoted; empty for the type's default
  /// The equality of the type's default order, "=" or "OPERATOR(public.=)": our sessions have no
  /// schema of an extension in their search_path.
  std::string equals = "=";
  /// The type with its collation, for a column of our own.
  std::string column_type() const;
  bool operator==(const KeyType&) const = default;
};

/// Which relations hold a table's rows, and whose statements change them.
enum class Shape {
  plain,        ///< its own, by statements that name it
  partitioned,  ///< its partitions, by statements that name them or it
  inheriting,   ///< its own, by statements that name it or a table that it inherits from
};
/// "plain", "partitioned" or "inheriting".
std::string_view name(Shape shape);

/// A table that takes part in the migration, as recorded in crossover.synced_table of both
/// databases. A partitioned table is one entry: its partitions follow it.
struct SyncedTable {
  int id = 0;  ///< the same in both databases; names the log and functions of the table
  TableName table;
  Policy policy = Policy::replace;
  Shape shape = Shape::plain;
  /// The row's identity: primary key, else a unique index over NOT NULL columns; empty for a
  /// keyless table, which is copied whole when it has changed.
  std::vector<std::string> key;
  std::vector<KeyType> key_types;    ///< of `key`, whose columns may be generated ones
  std::vector<std::string> columns;  ///< those that are carried: all but generated ones
  std::vector<std::string> types;    ///< of `columns`, as format_type() writes them
  /// Every relation that statement triggers must stand on: the table itself and all of its
  /// partitions.
  std::vector<TableName> relations;

  bool keyless() const { return key.empty(); }
  /// What stands after FROM, DELETE FROM, TRUNCATE and LOCK TABLE for its own rows, without those
  /// of tables that inherit from it, ours or not: ONLY "public"."role", or "public"."part" where
  /// the rows are the partitions'.
  std::string only() const;
  bool operator==(const SyncedTable&) const = default;
};

/// The names of all their relations, quoted.
std::vector<std::string> relation_names(const std::vector<SyncedTable>& tables);
/// The schemas of all their relations, each once, in order.
std::vector<std::string> relation_schemas(const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
