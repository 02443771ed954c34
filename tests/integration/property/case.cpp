#include <fmt/format.h>

#include "integration/property/journey.h"

namespace crossover::test::property {
namespace {

Fault draw_fault(Random& random, int percent, int longest_microseconds) {
  static const std::vector<Fault::Where> wheres = {Fault::Where::source, Fault::Where::target,
                                                   Fault::Where::both};
  if (!random.chance(percent)) {
    return {};
  }
  return {random.pick(wheres), random.below(longest_microseconds)};
}

Step draw_step(Random& random) {
  const int kind = random.below(100);
  Step step;
  if (kind < 35) {
    step.kind = Step::Kind::work;
    step.often = random.between(1, 25);
  } else if (kind < 70) {
    step.kind = Step::Kind::drain;
    step.often = random.below(3);
    step.fault = draw_fault(random, 25, 15000);
  } else if (kind < 82) {
    step.kind = Step::Kind::hold;
    step.early = random.chance(70);
  } else if (kind < 90) {
    step.kind = Step::Kind::settle;
  } else if (kind < 95) {
    step.kind = Step::Kind::verify;
  } else {
    step.kind = Step::Kind::purge;
  }
  return step;
}

std::vector<Step> draw_steps(Random& random) {
  std::vector<Step> steps;
  const auto some = [&](int most) {
    for (int i = random.below(most + 1); i > 0; --i) {
      steps.push_back(draw_step(random));
    }
  };
  some(4);
  steps.push_back({.kind = Step::Kind::reverse, .fault = draw_fault(random, 15, 60000)});
  for (int moves = random.between(1, 4); moves > 0; --moves) {
    some(4);
    steps.push_back({.kind = Step::Kind::move,
                     .early = random.chance(50),
                     .fault = draw_fault(random, 40, 60000)});
  }
  some(3);
  return steps;
}

const char* name(Step::Kind kind) {
  static constexpr const char* names[] = {"work", "round",  "drain",   "verify", "purge",
                                          "hold", "settle", "reverse", "move"};
  return names[static_cast<int>(kind)];
}

std::string describe(const Fault& fault) {
  static constexpr const char* places[] = {"", "source", "target", "both"};
  return fault.where == Fault::Where::nowhere
             ? ""
             : fmt::format(" [sessions end at {} after {} us]",
                           places[static_cast<int>(fault.where)], fault.after_microseconds);
}

std::string describe(const Work& work) {
  std::string text =
      fmt::format("  {}{}{}{}\n", work.isolation, work.counts ? " counts" : "",
                  work.reads_first ? " reads first" : "", work.rolls_back ? " rolls back" : "");
  for (const Operation& operation : work.operations) {
    text += fmt::format("    {}{}{}\n", operation.guarded ? "guarded: " : "",
                        operation.undone ? "undone: " : "", operation.sql);
  }
  return text;
}

}  // namespace

Case draw_case(std::uint64_t seed, const std::vector<int>& versions) {
  Random random(seed);
  Case drawn;
  drawn.seed = seed;
  drawn.old_version = random.pick(versions);
  drawn.new_version = random.pick(versions);
  drawn.schema = draw_schema(random, std::min(drawn.old_version, drawn.new_version));
  drawn.fill = draw_fill(random, drawn.schema);
  drawn.writers =
      draw_workload(random, drawn.schema,
                    {.writers = random.between(1, 4), .transactions = random.between(10, 40)});
  for (int i = 0; i < 3; ++i) {
    drawn.held.push_back(draw_work(random, drawn.schema));
    // Nothing could read the table until it has ended.
    std::erase_if(drawn.held.back().operations,
                  [](const Operation& operation) { return operation.sql.starts_with("TRUNCATE"); });
  }
  drawn.copy_workers = static_cast<unsigned>(random.between(1, 4));
  drawn.pages_per_range = static_cast<std::uint64_t>(random.between(1, 4));
  drawn.install_fault = draw_fault(random, 15, 60000);
  drawn.copy_fault = draw_fault(random, 35, 60000);
  drawn.steps = draw_steps(random);
  return drawn;
}

std::string Case::text() const {
  std::string text =
      fmt::format("seed {}, PostgreSQL {} to {}\n{}", seed, old_version, new_version, schema.sql());
  text += "-- fill\n";
  for (const Operation& operation : fill) {
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
  text += fmt::format("-- install{}\n-- copy: {} workers, {} pages a range{}\n",
                      describe(install_fault), copy_workers, pages_per_range, describe(copy_fault));
  for (const Step& step : steps) {
    text += fmt::format("-- {} {}{}{}\n", name(step.kind), step.often, step.early ? " early" : "",
                        describe(step.fault));
  }
  return text;
}

}  // namespace crossover::test::property
