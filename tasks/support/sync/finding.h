#pragma once

#include <string>
#include <vector>

namespace crossover::sync {

/// Something that the preflight has to say.
struct Finding {
  enum class Level {
    note,      ///< good to know
    warning,   ///< loses no data, but may surprise
    question,  ///< can't be decided from the catalogues: crossover.yaml must answer
    error,     ///< could lose or falsify data, or stop half-way
  };
  Level level = Level::note;
  std::string object;  ///< "table public.role", "sequence ...", "database"
  std::string text;
};

using Findings = std::vector<Finding>;

/// Whether an error or an unanswered question is among them.
bool refuses(const Findings& findings);

}  // namespace crossover::sync
