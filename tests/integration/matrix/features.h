#pragma once

#include <string>
#include <vector>

namespace crossover::test::matrix {

/// A part of the schema, with what an application does to it. Every statement of a transaction but
/// TRUNCATE has to touch a row, else the transaction counts as never done. {w} is the writer's
/// number: what writers do to rows of their own never conflicts.
struct Feature {
  int since;         ///< the first version that has it: left out where either side is older
  std::string name;  ///< for docs/versions.md
  std::string schema;
  std::vector<std::string> fill;
  std::vector<std::vector<std::string>> transactions;
};

/// What every version has.
std::vector<Feature> first_features();
/// What came with later ones.
std::vector<Feature> later_features();

/// Both, as far as servers of `version` have them.
std::vector<Feature> features_of(int version);

}  // namespace crossover::test::matrix
