#include "sync/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace crossover::sync {
namespace {

class Comparison {
 public:
  Comparison(const Catalogue& old_side, const Catalogue& new_side)
      : old_(old_side), new_(new_side) {}

  void compare(const SyncedTable& synced) {
    const Table& before = old_.tables.at(synced.table);
    object_ = "table " + synced.table.text();
    const auto found = new_.tables.find(synced.table);
    if (found == new_.tables.end()) {
      error("is missing in the new database");
      return;
    }
    const Table& after = found->second;
    if (before.kind != after.kind && after.kind == 'f') {
      error("is a foreign table in the new database");
    }
    if (row_identity(before) != row_identity(after)) {
      error(fmt::format("has the key ({}) in the old and ({}) in the new database",
                        fmt::join(row_identity(before), ", "),
                        fmt::join(row_identity(after), ", ")));
    }
    columns(before, after);
    keys(before, after);
    surroundings(before, after);
    names("inherits from", before.parents, after.parents);
    for (const TableName& relation : synced.relations) {
      compare_relation(relation);
    }
  }

  void extra_tables(const std::vector<SyncedTable>& tables) {
    std::set<TableName> carried;
    for (const SyncedTable& table : tables) {
      carried.insert(table.table);
    }
    for (const auto& [name, table] : new_.tables) {
      object_ = "table " + name.text();
      const bool skipped = old_.tables.contains(name) && !carried.contains(name);
      if (!old_.tables.contains(name) && !table.partition) {
        note("exists in the new database only and is left alone");
      } else if (skipped && !table.partition) {
        note("is skipped");
      }
    }
  }

  void types() {
    for (const auto& [name, definition] : old_.types) {
      object_ = "type " + name;
      const auto found = new_.types.find(name);
      if (found == new_.types.end()) {
        error("is missing in the new database");
      } else if (found->second != definition) {
        error(fmt::format("is '{}' in the old and '{}' in the new database", definition,
                          found->second));
      }
    }
  }

  void sequences() {
    for (const auto& [name, sequence] : old_.sequences) {
      object_ = "sequence " + name.text();
      const Sequence* other = counterpart(sequence, new_);
      if (other == nullptr) {
        error("has no counterpart in the new database, which would hand out ids that are taken");
      } else if (other->increment != sequence.increment) {
        error(fmt::format("steps by {} in the old and by {} in the new database",
                          sequence.increment, other->increment));
      } else if (other->type != sequence.type || other->maximum != sequence.maximum ||
                 other->minimum != sequence.minimum || other->cycle != sequence.cycle) {
        warning("has other bounds in the new database");
      }
      if (other != nullptr && other->grants != sequence.grants) {
        warning("has other grants in the new database");
      }
    }
  }

  void database() {
    object_ = "database";
    if (old_.encoding != new_.encoding) {
      error(fmt::format("has encoding {} in the old and {} in the new database", old_.encoding,
                        new_.encoding));
    }
    if (old_.collate != new_.collate) {
      warning(fmt::format("sorts by {} in the old and by {} in the new database", old_.collate,
                          new_.collate));
    }
    for (const auto& [name, version] : old_.extensions) {
      if (!new_.extensions.contains(name)) {
        object_ = "extension " + name;
        warning("is missing in the new database");
      }
    }
    for (const auto& [name, value] : old_.settings) {
      const auto found = new_.settings.find(name);
      if (found == new_.settings.end() || found->second != value) {
        object_ = "setting " + name;
        warning(fmt::format("is '{}' in the old and {} in the new database", value,
                            found == new_.settings.end() ? "not set" : "'" + found->second + "'"));
      }
    }
  }

  Findings take() { return std::move(findings_); }

 private:
  void columns(const Table& before, const Table& after) {
    for (const Column& column : before.columns) {
      const Column* other = after.column(column.name);
      if (other == nullptr) {
        error(fmt::format("column '{}' is missing in the new database", column.name));
        continue;
      }
      if (other->type != column.type) {
        error(fmt::format("column '{}' is {} in the old and {} in the new database", column.name,
                          column.type, other->type));
      }
      if ((other->generated == ' ') != (column.generated == ' ')) {
        error(fmt::format("column '{}' is generated on one side only", column.name));
      }
      if (other->not_null && !column.not_null) {
        error(fmt::format("column '{}' may be NULL in the old database only", column.name));
      } else if (other->not_null != column.not_null) {
        error(
            fmt::format("column '{}' may be NULL in the new database only, so going back could "
                        "fail",
                        column.name));
      }
      if (other->identity != column.identity) {
        warning(fmt::format("column '{}' is an identity column in another way", column.name));
      }
      if (other->collation != column.collation) {
        warning(fmt::format("column '{}' has another collation", column.name));
      }
      expressions(column, *other);
    }
    for (const Column& column : after.columns) {
      if (before.column(column.name) == nullptr) {
        error(
            fmt::format("column '{}' exists in the new database only, so going back would lose it",
                        column.name));
      }
    }
  }

  // A sequence may have another name on either side.
  void expressions(const Column& column, const Column& other) {
    const auto counts = [](const Column& one) { return one.expression.starts_with("nextval("); };
    if (other.expression == column.expression || (counts(column) && counts(other))) {
      return;
    }
    const auto shown = [](const std::string& expression) {
      return expression.empty() ? std::string_view("none") : std::string_view(expression);
    };
    if (column.generated != ' ') {
      error(fmt::format("column '{}' is generated as {} in the old and as {} in the new database",
                        column.name, column.expression, other.expression));
    } else if (other.generated == ' ') {
      warning(fmt::format("column '{}' has the default {} in the old and {} in the new database",
                          column.name, shown(column.expression), shown(other.expression)));
    }
  }

  // Gate and capture stand where the old database has relations. A missing one is told by its
  // parent.
  void compare_relation(const TableName& relation) {
    const auto found = new_.tables.find(relation);
    if (found == new_.tables.end()) {
      return;
    }
    object_ = "table " + relation.text();
    const Table& before = old_.tables.at(relation);
    const Table& after = found->second;
    if (before.kind == 'p' || after.kind == 'p') {
      names("has the partition", before.children, after.children);
    }
    for (const std::string& interferer : after.interferers) {
      error(interference(interferer, "new"));
    }
  }

  void names(std::string_view what, const std::vector<TableName>& before,
             const std::vector<TableName>& after) {
    const auto only = [&](const std::vector<TableName>& here, const std::vector<TableName>& there,
                          std::string_view side) {
      for (const TableName& name : here) {
        if (std::find(there.begin(), there.end(), name) == there.end()) {
          error(fmt::format("{} {} in the {} database only", what, name.text(), side));
        }
      }
    };
    only(before, after, "old");
    only(after, before, "new");
  }

  // Constraints by what they say, since their names may differ.
  static std::multiset<std::string> definitions(const Table& table, std::string_view kinds) {
    std::multiset<std::string> set;
    for (const Constraint& constraint : table.constraints) {
      if (kinds.find(constraint.type) != std::string_view::npos) {
        set.insert(constraint.definition);
      }
    }
    return set;
  }

  void keys(const Table& before, const Table& after) {
    const auto old_set = definitions(before, "pufcx");
    const auto new_set = definitions(after, "pufcx");
    std::vector<std::string> only_new;
    std::set_difference(new_set.begin(), new_set.end(), old_set.begin(), old_set.end(),
                        std::back_inserter(only_new));
    for (const std::string& definition : only_new) {
      error(fmt::format("has the constraint {} in the new database only, which may refuse rows",
                        definition));
    }
    std::vector<std::string> only_old;
    std::set_difference(old_set.begin(), old_set.end(), new_set.begin(), new_set.end(),
                        std::back_inserter(only_old));
    for (const std::string& definition : only_old) {
      error(fmt::format(
          "has the constraint {} in the old database only, so going back may be refused",
          definition));
    }
  }

  void surroundings(const Table& before, const Table& after) {
    if (before.owner != after.owner) {
      warning(fmt::format("belongs to {} in the old and to {} in the new database", before.owner,
                          after.owner));
    }
    if (before.grants != after.grants) {
      warning("has other grants in the new database");
    }
    if (before.triggers != after.triggers) {
      warning("has other triggers in the new database");
    }
    if (before.rules != after.rules) {
      warning("has other rules in the new database");
    }
    if (before.row_security != after.row_security) {
      warning("has row security on one side only");
    } else if (before.row_security && before.row_security_forced != after.row_security_forced) {
      warning("has row security that binds its owner on one side only");
    }
    if (before.policies != after.policies) {
      warning("has other policies in the new database");
    }
  }

  void add(Finding::Level level, std::string text) {
    findings_.push_back({level, object_, std::move(text)});
  }
  void error(std::string text) { add(Finding::Level::error, std::move(text)); }
  void warning(std::string text) { add(Finding::Level::warning, std::move(text)); }
  void note(std::string text) { add(Finding::Level::note, std::move(text)); }

  const Catalogue& old_;
  const Catalogue& new_;
  std::string object_;
  Findings findings_;
};

}  // namespace

Findings compare_structure(const Catalogue& old_side, const Catalogue& new_side,
                           const std::vector<SyncedTable>& tables) {
  Comparison comparison(old_side, new_side);
  comparison.database();
  for (const SyncedTable& table : tables) {
    comparison.compare(table);
  }
  comparison.extra_tables(tables);
  comparison.types();
  comparison.sequences();
  return comparison.take();
}

Findings check_database(const Catalogue& catalogue, std::string_view side) {
  Findings findings;
  if (catalogue.large_objects > 0) {
    findings.push_back({Finding::Level::error, fmt::format("{} database", side),
                        fmt::format("holds {} large objects, whose changes no trigger sees",
                                    catalogue.large_objects)});
  }
  if (!catalogue.prepared_transactions.empty()) {
    findings.push_back({Finding::Level::error, fmt::format("{} database", side),
                        fmt::format("holds prepared transactions ({}), which keep their locks: "
                                    "commit or roll them back",
                                    fmt::join(catalogue.prepared_transactions, ", "))});
  }
  return findings;
}

}  // namespace crossover::sync
