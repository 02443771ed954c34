#pragma once

#include <string_view>

namespace crossover::cli {

struct Version {
  std::string_view number;  ///< "0.1.0"
  std::string_view commit;  ///< of git, or empty where it is not known
};

/// What these programs were built from.
Version version();

}  // namespace crossover::cli
