#include <algorithm>
#include <chrono>
#include <set>

#include "integration/property/journey.h"

namespace crossover::test::property {
namespace {

using Until = std::chrono::steady_clock::time_point;

class Shrinker {
 public:
  Shrinker(Case failing, Servers& servers, int seconds)
      : smallest_(std::move(failing)),
        servers_(servers),
        until_(std::chrono::steady_clock::now() + std::chrono::seconds(seconds)) {}

  Case run() {
    for (bool smaller = true; smaller && !over();) {
      smaller = false;
      smaller |= halve([](Case& c) -> auto& { return c.steps; });
      smaller |= halve([](Case& c) -> auto& { return c.writers; });
      smaller |= drop_tables();
      for (std::size_t i = 0; i < smallest_.writers.size(); ++i) {
        smaller |= halve([i](Case& c) -> auto& { return c.writers[i]; });
      }
      smaller |= halve([](Case& c) -> auto& { return c.fill; });
      smaller |= halve([](Case& c) -> auto& { return c.held; });
      smaller |= halve([](Case& c) -> auto& { return c.before_install; });
      smaller |= halve([](Case& c) -> auto& { return c.before_copy; });
    }
    return std::move(smallest_);
  }

 private:
  bool over() const { return std::chrono::steady_clock::now() >= until_; }

  // Threads make no case quite the same twice, so it gets several chances to fail.
  bool fails(const Case& candidate) {
    for (int i = 0; i < 3 && !over(); ++i) {
      if (!run_case(candidate, servers_).failure.empty()) {
        return true;
      }
    }
    return false;
  }

  /// Leaves out ever smaller parts of one list.
  template <typename List>
  bool halve(List list) {
    bool smaller = false;
    for (std::size_t part = (list(smallest_).size() + 1) / 2; part > 0; part /= 2) {
      for (std::size_t first = 0; first < list(smallest_).size() && !over();) {
        Case candidate = smallest_;
        auto& elements = list(candidate);
        const auto begin = elements.begin() + static_cast<std::ptrdiff_t>(first);
        elements.erase(
            begin, begin + static_cast<std::ptrdiff_t>(std::min(part, elements.size() - first)));
        if (fails(candidate)) {
          smallest_ = std::move(candidate);
          smaller = true;
        } else {
          first += part;
        }
      }
    }
    return smaller;
  }

  static void forget(std::vector<Operation>& operations, const std::string& table) {
    std::erase_if(operations,
                  [&](const Operation& o) { return o.table == table || o.also == table; });
  }

  /// A table's name, and those of what inherits from it.
  static std::set<std::string> family(const std::vector<Table>& tables, const std::string& eldest) {
    std::set<std::string> names = {eldest};
    for (const Table& table : tables) {  // parents stand before their children
      if (std::any_of(table.parents.begin(), table.parents.end(),
                      [&](const std::string& parent) { return names.contains(parent); })) {
        names.insert(table.name);
      }
    }
    return names;
  }

  static void forget(Case& from, const std::string& name) {
    std::erase_if(from.schema.tables, [&](const Table& table) { return table.name == name; });
    for (Table& table : from.schema.tables) {
      std::erase_if(table.references, [&](const ForeignKey& key) { return key.to == name; });
    }
    forget(from.fill, name);
    forget(from.kept, name);
    for (Work& work : from.held) {
      forget(work.operations, name);
    }
    for (std::vector<Work>& works : from.writers) {
      for (Work& work : works) {
        forget(work.operations, name);
      }
    }
  }

  // A table goes with all that names it.
  bool drop_tables() {
    bool smaller = false;
    for (std::size_t i = 0; i < smallest_.schema.tables.size() && !over();) {
      Case candidate = smallest_;
      for (const std::string& name :
           family(smallest_.schema.tables, smallest_.schema.tables[i].name)) {
        forget(candidate, name);
      }
      if (fails(candidate)) {
        smallest_ = std::move(candidate);
        smaller = true;
      } else {
        ++i;
      }
    }
    return smaller;
  }

  Case smallest_;
  Servers& servers_;
  Until until_;
};

}  // namespace

Case shrink(Case failing, Servers& servers, int seconds) {
  return Shrinker(std::move(failing), servers, seconds).run();
}

}  // namespace crossover::test::property
