#include <fmt/format.h>

#include <algorithm>

#include "integration/property/journey.h"

namespace crossover::test::property {
namespace {

Step draw_step(Random& random, bool unlogged) {
  const int kind = random.below(100);
  Step step;
  if (kind < 35) {
    step.kind = Step::Kind::work;
    step.often = random.between(1, 25);
  } else if (kind < 70) {
    step.kind = Step::Kind::drain;
    step.often = random.below(3);
    step.fault = draw_fault(random, 25, 15000, unlogged);
  } else if (kind < 82) {
    step.kind = Step::Kind::hold;
    step.early = random.chance(70);
  } else if (kind < 90) {
    step.kind = Step::Kind::settle;
  } else if (kind < 94) {
    step.kind = Step::Kind::verify;
    step.fault = draw_fault(random, 25, 30000, unlogged);
  } else if (kind < 97) {
    step.kind = Step::Kind::purge;
    step.fault = draw_fault(random, 25, 30000, unlogged);
  } else {
    step.kind = Step::Kind::change;
    step.often = random.below(100);
  }
  return step;
}

// A standby is left behind and takes over; between both is nothing that ends its use.
void draw_failover(Random& random, std::vector<Step>& steps) {
  steps.push_back({.kind = Step::Kind::replica, .often = random.below(2)});
  for (int i = random.below(4); i > 0; --i) {
    steps.push_back(draw_step(random, false));
    if (steps.back().kind == Step::Kind::purge) {
      steps.pop_back();
    }
  }
  steps.push_back(
      {.kind = Step::Kind::failover, .often = random.between(1, 25), .early = random.chance(60)});
}

std::vector<Step> draw_steps(Random& random, bool unlogged) {
  std::vector<Step> steps;
  const auto some = [&](int most) {
    for (int i = random.below(most + 1); i > 0; --i) {
      steps.push_back(draw_step(random, unlogged));
    }
    // A standby has no rows of unlogged tables.
    if (!unlogged && random.chance(3)) {
      draw_failover(random, steps);
    }
  };
  some(4);
  steps.push_back({.kind = Step::Kind::reverse, .fault = draw_fault(random, 15, 60000, unlogged)});
  for (int moves = random.between(1, 4); moves > 0; --moves) {
    some(4);
    steps.push_back({.kind = Step::Kind::move,
                     .early = random.chance(50),
                     .fault = draw_fault(random, 40, 60000, unlogged)});
  }
  some(3);
  return steps;
}

// What the application does while triggers are installed, or between that and the copy. A
// transaction that has written would hold up the triggers, as in life, and longer than a case
// lasts.
std::vector<Step> draw_beginning(Random& random, bool installed) {
  std::vector<Step> steps;
  if (random.chance(50)) {
    steps.push_back({.kind = Step::Kind::work, .often = random.between(1, 10)});
  }
  if (random.chance(30)) {
    steps.push_back({.kind = Step::Kind::hold, .early = installed && random.chance(70)});
  }
  return steps;
}

std::string describe(const Fault& fault) {
  return fault.where == Fault::Where::nowhere
             ? ""
             : fmt::format(" [{}, after {} us]", fault.text(), fault.after_microseconds);
}

std::string describe(const Step& step) {
  return fmt::format("-- {} {}{}{}\n", name(step.kind), step.often, step.early ? " early" : "",
                     describe(step.fault));
}

std::string describe(const Work& work) {
  std::string text =
      fmt::format("  {}{}{}{}{}\n", work.isolation, work.counts ? " counts" : "",
                  work.reads_first ? " reads first" : "", work.rolls_back ? " rolls back" : "",
                  work.asynchronous ? " asynchronously" : "");
  for (const Operation& operation : work.operations) {
    text += fmt::format("    {}{}{}\n", operation.guarded ? "guarded: " : "",
                        operation.undone ? "undone: " : "", operation.sql);
  }
  return text;
}

/// What a switch must leave of the margin that it is asked for.
constexpr std::int64_t least_margin = 90;

bool unlogged(const Schema& schema) {
  return std::any_of(schema.tables.begin(), schema.tables.end(),
                     [](const Table& table) { return !table.persistence.empty(); });
}

}  // namespace

std::string_view name(Step::Kind kind) {
  static constexpr const char* names[] = {"work",  "round",  "drain",   "verify",
                                          "purge", "hold",   "settle",  "reverse",
                                          "move",  "change", "replica", "failover"};
  return names[static_cast<int>(kind)];
}

Case draw_case(std::uint64_t seed, const std::vector<int>& versions) {
  Random random(seed);
  Case drawn;
  drawn.seed = seed;
  drawn.old_version = random.pick(versions);
  drawn.new_version = random.pick(versions);
  drawn.schema = draw_schema(random, std::min(drawn.old_version, drawn.new_version));
  drawn.sequences_ahead = drawn.schema.sequences.empty() ? least_margin : 0;
  drawn.fill = draw_fill(random, drawn.schema);
  for (const Table& table : drawn.schema.tables) {
    for (int i = 0; table.skipped && i < 3; ++i) {
      drawn.kept.push_back(draw_insert(random, table, 2));
    }
  }
  drawn.writers =
      draw_workload(random, drawn.schema,
                    {.writers = random.between(1, 4), .transactions = random.between(10, 40)});
  // A case is long enough for some hundred transactions; more of them cost time and meet no more.
  drawn.pause = std::chrono::milliseconds(random.pick(std::vector<int>{0, 1, 2, 4}));
  for (int i = 0; i < 3; ++i) {
    drawn.held.push_back(draw_work(random, drawn.schema));
    // Nothing could read the table until it has ended.
    std::erase_if(drawn.held.back().operations,
                  [](const Operation& operation) { return operation.sql.starts_with("TRUNCATE"); });
  }
  drawn.copy_workers = static_cast<unsigned>(random.between(1, 4));
  drawn.pages_per_range = static_cast<std::uint64_t>(random.between(1, 4));
  const bool loses = unlogged(drawn.schema);
  drawn.before_install = draw_beginning(random, false);
  drawn.install_fault = draw_fault(random, 15, 60000, loses);
  drawn.before_copy = draw_beginning(random, true);
  drawn.copy_fault = draw_fault(random, 35, 60000, loses);
  drawn.steps = draw_steps(random, loses);
  drawn.marks = random.chance(50);
  return drawn;
}

bool Case::has(const std::function<bool(const Fault&)>& is) const {
  return is(install_fault) || is(copy_fault) ||
         std::any_of(steps.begin(), steps.end(), [&](const Step& step) { return is(step.fault); });
}

bool Case::stops_servers() const {
  return has([](const Fault& fault) { return fault.stops_servers(); }) ||
         std::any_of(steps.begin(), steps.end(),
                     [](const Step& step) { return step.kind == Step::Kind::failover; });
}

std::string Case::text() const {
  std::string text = fmt::format("seed {}, PostgreSQL {} to {}\n{}", seed, old_version, new_version,
                                 schema.sql(sync::Side::old_side));
  for (const Table& table : schema.tables) {
    if (!table.new_order.empty()) {
      text += "-- on the new side:\n" + table.create_sql(sync::Side::new_side);
    }
  }
  text += "-- fill\n";
  for (const Operation& operation : fill) {
    text += operation.sql + ";\n";
  }
  text += "-- kept on the new side\n";
  for (const Operation& operation : kept) {
    text += operation.sql + ";\n";
  }
  for (std::size_t i = 0; i < writers.size(); ++i) {
    text += fmt::format("-- writer {}\n", i);
    for (const Work& work : writers[i]) {
      text += describe(work);
    }
  }
  text += "-- held\n";
  for (const Work& work : held) {
    text += describe(work);
  }
  for (const Step& step : before_install) {
    text += describe(step);
  }
  text += fmt::format("-- install{}\n", describe(install_fault));
  for (const Step& step : before_copy) {
    text += describe(step);
  }
  text += fmt::format("-- copy: {} workers, {} pages a range{}\n", copy_workers, pages_per_range,
                      describe(copy_fault));
  text += marks ? "-- marks\n" : "";
  for (const Step& step : steps) {
    text += describe(step);
  }
  return text;
}

}  // namespace crossover::test::property
