#include "integration/property/coverage.h"

#include <fmt/format.h>

#include <algorithm>

namespace crossover::test::property {
namespace {

class Parts {
 public:
  explicit Parts(const Case& drawn) : case_(drawn) {}

  std::set<std::string> take() {
    add("versions: {} to {}", case_.old_version, case_.new_version);
    for (const Table& table : case_.schema.tables) {
      columns(table);
      key(table);
      shape(table);
      references(table);
    }
    for (const std::string& sequence : case_.schema.sequences) {
      add("sequence: {}", sequence.substr(sequence.rfind('"') + 1));
    }
    for (const std::vector<Work>& writer : case_.writers) {
      works(writer);
    }
    works(case_.held);
    add("load: {} writers", case_.writers.size());
    add("copy: {} workers", case_.copy_workers);
    steps();
    return std::move(names_);
  }

 private:
  template <typename... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    names_.insert(fmt::format(format, std::forward<Arguments>(arguments)...));
  }
  void add_if(bool there, std::string_view name) {
    if (there) {
      names_.emplace(name);
    }
  }

  static std::string type_of(const Column& column) {
    return column.type->sql +
           (column.type->collation.empty() ? "" : " COLLATE " + column.type->collation);
  }

  void columns(const Table& table) {
    for (const Column& column : table.columns) {
      add("column: {}", type_of(column));
      add_if(column.rest.find(") STORED") != std::string::npos, "column: generated, stored");
      add_if(column.rest.find(") VIRTUAL") != std::string::npos, "column: generated, virtual");
      add_if(column.always, "column: identity, always");
      add_if(column.rest.find("BY DEFAULT AS IDENTITY") != std::string::npos,
             "column: identity, by default");
      add_if(column.rest.starts_with("DEFAULT"), "column: with a default");
      add_if(column.name == "shared number", "sequence: of two tables");
      add_if(column.name == "touched", "trigger: changes the row");
    }
  }

  void key(const Table& table) {
    add_if(table.key.empty(), "key: none");
    add_if(table.key.size() > 1, "key: of several columns");
    add_if(table.deferrable, "constraint: deferrable unique");
    for (const std::size_t position : table.key) {
      const Column& column = table.columns[position];
      add_if(!table.partition_by.empty() && column.fill == Fill::server,
             "key: generated, of a partitioned table");
      add("key: {}{}", type_of(column),
          column.fill == Fill::server     ? ", generated"
          : column.fill == Fill::sequence ? ", from a sequence"
                                          : "");
    }
    for (const std::string& constraint : table.constraints) {
      add_if(constraint.starts_with("PRIMARY KEY") && constraint.ends_with("DEFERRED"),
             "key: deferrable");
      add_if(constraint.starts_with("EXCLUDE"), "constraint: exclusion");
    }
    for (const std::string& statement : table.later) {
      add_if(statement.starts_with("CREATE UNIQUE INDEX"), "key: unique index alone");
      add_if(statement.starts_with("CREATE TRIGGER note"), "trigger: writes another table");
      add_if(statement.starts_with("ALTER SEQUENCE"), "sequence: owned");
    }
  }

  void shape(const Table& table) {
    if (!table.partition_by.empty()) {
      add("table:{}", table.partition_by);
    }
    add_if(table.partitions.size() == 5, "table: nested partitions");
    add_if(!table.attached.name.empty(), "table: attached partition with another order of columns");
    add_if(!table.persistence.empty(), "table: unlogged");
    add_if(!table.view.empty(), "table: written through a view");
    add_if(table.row_security, "table: row security");
    add_if(table.skipped, "table: skipped");
    add_if(table.skipped && !table.references.empty(), "table: skipped, refers to a carried one");
    add_if(!table.new_order.empty(), "table: another order of columns on the new side");
    add_if(table.lost_column, "table: has lost a column on the old side");
    add_if(table.wide, "table: of hundreds of columns");
    add_if(table.schema != "public", "table: in a second schema");
    add_if(table.has_children, "table: parent");
    add_if(!table.parents.empty(), "table: child");
    add_if(table.parents.size() > 1, "table: child of two parents");
    add_if(!table.parents.empty() && table.has_children, "table: child and parent");
    add_if(!table.parents.empty() && table.key.empty(), "table: child without a key");
    add_if(table.adopted, "table: child that was a table of its own");
    add_if(!table.parents.empty() && table.skipped, "table: child that is skipped");
    for (const std::string& rule : table.rules) {
      add("rule: {}", rule.find("DO ALSO") == std::string::npos ? "instead, under a condition"
                                                                : "also writes another table");
    }
    add_if(table.bare.size() > 60, "name: of 61 bytes or more");
    add_if(table.bare.find('"') != std::string::npos, "name: with a quote");
  }

  void references(const Table& table) {
    for (const ForeignKey& key : table.references) {
      add("foreign key:{}", key.actions.empty() ? " plain" : key.actions);
      add_if(key.to == table.name, "foreign key: to its own table");
      add_if(key.to != table.name && reaches(key.to, table.name, 8), "foreign key: cycle");
    }
  }

  bool reaches(const std::string& from, const std::string& to, int depth) const {
    const auto& tables = case_.schema.tables;
    const auto found = std::find_if(tables.begin(), tables.end(),
                                    [&](const Table& table) { return table.name == from; });
    return depth > 0 && found != tables.end() &&
           std::any_of(found->references.begin(), found->references.end(),
                       [&](const ForeignKey& key) {
                         return key.to == to || (key.to != from && reaches(key.to, to, depth - 1));
                       });
  }

  void works(const std::vector<Work>& works) {
    for (const Work& work : works) {
      add("transaction: {}", work.isolation);
      add_if(work.rolls_back, "transaction: rolled back");
      add_if(work.asynchronous, "transaction: committed asynchronously");
      add_if(work.reads_first, "transaction: reads, then writes an absolute value");
      for (const Operation& operation : work.operations) {
        add("statement: {}", operation.what);
        add_if(operation.guarded, "statement: in a savepoint");
        add_if(operation.undone, "statement: in a savepoint that is rolled back");
      }
    }
  }

  void steps() {
    fault("the installation", case_.install_fault);
    fault("the copy", case_.copy_fault);
    int moves = 0;
    for (const Step& step : case_.steps) {
      add("step: {}", name(step.kind));
      fault(name(step.kind), step.fault);
      moves += step.kind == Step::Kind::move ? 1 : 0;
    }
    add("journey: {} moves", moves);
  }

  void fault(std::string_view step, const Fault& fault) {
    if (fault.where != Fault::Where::nowhere) {
      add("fault: {}", fault.text());
      add("fault at: {}", step);
    }
  }

  const Case& case_;
  std::set<std::string> names_;
};

}  // namespace

std::set<std::string> parts_of(const Case& drawn) { return Parts(drawn).take(); }

void Coverage::add(const Case& drawn, const Outcome& outcome) {
  ++cases_;
  for (const std::string& part : parts_of(drawn)) {
    ++counts_[part];
  }
  for (const std::string& moment : outcome.met) {
    ++counts_["moment: " + moment];
  }
}

std::string Coverage::text() const {
  std::string text = fmt::format("what {} cases had:\n", cases_);
  for (const auto& [name, count] : counts_) {
    text += fmt::format("{:6}  {}\n", count, name);
  }
  return text;
}

}  // namespace crossover::test::property
