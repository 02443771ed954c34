#include "cli/surroundings.h"

#include <unistd.h>

#include <cstdlib>

namespace crossover::cli {

Surroundings Surroundings::of_process() {
  Surroundings surroundings;
  surroundings.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') {
      return std::nullopt;
    }
    return std::string(value);
  };
  surroundings.terminal_in = ::isatty(STDIN_FILENO) == 1;
  surroundings.terminal_out = ::isatty(STDOUT_FILENO) == 1;
  surroundings.terminal_err = ::isatty(STDERR_FILENO) == 1;
  return surroundings;
}

}  // namespace crossover::cli
