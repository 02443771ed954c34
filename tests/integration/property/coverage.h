#pragma once

#include <map>
#include <set>
#include <string>

#include "integration/property/journey.h"

namespace crossover::test::property {

/// What a case is made of, by name: versions, shapes, statements, and the steps with their faults.
std::set<std::string> parts_of(const Case& drawn);

/// How many cases had which part, and met which moment: what never comes up tests nothing.
class Coverage {
 public:
  void add(const Case& drawn, const Outcome& outcome);
  const std::map<std::string, int>& counts() const { return counts_; }
  int cases() const { return cases_; }
  /// A line for each.
  std::string text() const;

 private:
  std::map<std::string, int> counts_;
  int cases_ = 0;
};

}  // namespace crossover::test::property
