#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"

namespace crossover::cli {

/// Whether a verb reads crossover.yaml.
enum class ConfigNeed { required, optional, none };

struct VerbSpec {
  std::string name = {};
  std::string summary = {};  ///< one sentence, lower case, no final stop
  bool changes = false;      ///< takes --dry-run, --approved-plan and --yes
  ConfigNeed config = ConfigNeed::required;
};

/// A task, declared once. The options that all tasks have (cli/standard_options.h) need not be in
/// it.
struct TaskSpec {
  std::string name = {};         ///< of the program
  std::string summary = {};      ///< one sentence
  std::string description = {};  ///< paragraphs for the man page and README
  std::vector<VerbSpec> verbs = {};
  std::vector<OptionSpec> options = {};
  std::vector<std::string> examples = {};  ///< command lines

  const VerbSpec* find_verb(std::string_view verb) const;
};

}  // namespace crossover::cli
