#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "integration/property/values.h"
#include "sync/database.h"

namespace crossover::test::property {

/// Where a column's values come from.
enum class Fill {
  any,        ///< any value of the type, NULL among them
  key,        ///< one of the type's few keys
  reference,  ///< a key of another table, or NULL
  sequence,   ///< the server's, mostly
  partition,  ///< the partition key: small integers
  server,     ///< generated or written by a trigger: never named in a statement
};

struct Column {
  std::string name;
  const ValueType* type;
  Fill fill = Fill::any;
  std::string rest = {};  ///< what follows the type in CREATE TABLE
  bool always = false;    ///< GENERATED ALWAYS AS IDENTITY
  bool nullable = true;
  bool counts = false;  ///< refers to a key that a sequence makes
  /// An expression for a value; DEFAULT for what the server is to make.
  std::string draw(Random& random) const;
  /// The same, but never DEFAULT or NULL: for WHERE.
  std::string draw_existing(Random& random) const;
};

struct ForeignKey {
  std::size_t column;
  std::string to;  ///< the quoted name of the table
  std::string to_column;
  std::string actions;
};

/// A partition that was a table of its own before, with its columns in another order.
struct Attached {
  std::string name;  ///< quoted; empty: none
  std::string bounds;
};

struct Table {
  std::string name;    ///< qualified and quoted
  std::string bare;    ///< unquoted, without its schema
  std::string schema;  ///< quoted
  std::vector<Column> columns;
  std::vector<std::size_t> key;          ///< positions in `columns`; empty: keyless
  std::string persistence;               ///< "UNLOGGED " or nothing
  std::vector<std::string> constraints;  ///< inside CREATE TABLE
  std::string partition_by;
  std::vector<std::string> parents;  ///< quoted names of the tables that it inherits from
  std::size_t inherited = 0;         ///< how many of `columns`, the first, it has from those
  bool adopted = false;              ///< it was a table of its own before it inherited
  bool has_children = false;
  std::vector<std::string> partitions;  ///< quoted names; each has its statement in `later`
  std::vector<std::string> before;      ///< statements before CREATE TABLE
  std::vector<std::string> later;       ///< statements after it
  std::vector<ForeignKey> references;
  bool deferrable = false;  ///< has a deferrable unique constraint, so ON CONFLICT can't be used
  int unique = -1;          ///< a column with a deferrable unique constraint
  std::string view;         ///< quoted; shows the whole table and may be written to
  bool row_security = false;
  std::vector<std::string> rules;  ///< statements; a table with rules can't be written by all
  bool skipped = false;            ///< by the migration's settings: neither carried nor compared
  bool wide = false;               ///< with hundreds of columns that no statement names
  Attached attached;
  /// Of the columns on the new side, where the old one's order is that in which they were added.
  std::vector<std::size_t> new_order;
  bool lost_column = false;  ///< the old side had one more once

  /// `schema`, unquoted.
  std::string schema_name() const;
  std::string create_sql(sync::Side side) const;
  std::string references_sql() const;
  /// View and row security, when the table has all of its columns.
  std::string surroundings_sql() const;

 private:
  std::vector<std::size_t> order(sync::Side side) const;
  std::string column_sql(std::size_t position) const;
  std::string columns_sql(const std::vector<std::size_t>& order) const;
};

struct Schema {
  int since = 12;  ///< the older of the two servers
  std::vector<Table> tables;
  std::vector<std::string> sequences;  ///< unowned ones, quoted
  std::string more = {};               ///< statements for what is not drawn

  /// Everything but the types, for one side.
  std::string sql(sync::Side side) const;
};

Schema draw_schema(Random& random, int since);

/// The parts of a table that draw_schema puts together.
Table draw_table(Random& random, int since, int number);
/// Its names.
Table name_table(Random& random, int number);
void add_key_column(Random& random, Table& table, std::string name, int since);
/// PRIMARY KEY or unique index over `key`.
void add_key_constraint(Random& random, Table& table, bool may_be_deferrable);
void draw_partitions(Random& random, Table& table);
void draw_constraints(Random& random, Table& table);
void draw_triggers(Random& random, Table& table);
void draw_references(Random& random, std::vector<Table>& tables);
/// Parts that need the columns of all tables.
void draw_shared_sequence(Random& random, Schema& schema);
void draw_skipped(Random& random, std::vector<Table>& tables);
void draw_surroundings(Random& random, Table& table, int number);
/// Tables that inherit from those that are there.
void draw_children(Random& random, std::vector<Table>& tables, int since);
/// Where the two sides differ in what does not matter.
void draw_layout(Random& random, Table& table);

}  // namespace crossover::test::property
