#include "cli/ci_outputs.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <utility>

#include "files/files.h"

namespace crossover::cli {
namespace {

// GitHub refuses a step's summary above 1 MiB as a whole.
constexpr std::size_t largest_page = 1000000;

std::string escaped(const std::string& text, bool property) {
  std::string shown;
  for (const char letter : text) {
    if (letter == '%' || letter == '\r' || letter == '\n' ||
        (property && (letter == ':' || letter == ','))) {
      shown += fmt::format("%{:02X}", static_cast<unsigned>(letter));
    } else {
      shown += letter;
    }
  }
  return shown;
}

}  // namespace

void write_ci_outputs(const Result& result, const std::string& page,
                      const Surroundings& surroundings) {
  const std::array<std::pair<const char*, std::string>, 3> outputs{
      {{"status", result.status()},
       {"changed", result.changed() ? "true" : "false"},
       {"plan-sha256", result.plan_sha256()}}};
  if (const auto folder = surroundings.variable("TEKTON_RESULTS_DIR")) {
    for (const auto& [name, value] : outputs) {
      files::write_atomically(std::filesystem::path(*folder) / name, value);
    }
  }
  if (const auto file = surroundings.variable("GITHUB_OUTPUT")) {
    std::string lines;
    for (const auto& [name, value] : outputs) {
      lines += fmt::format("{}={}\n", name, value);
    }
    files::append(*file, lines);
  }
  if (const auto file = surroundings.variable("GITHUB_STEP_SUMMARY")) {
    files::append(*file, page.size() <= largest_page
                             ? page + "\n"
                             : page.substr(0, page.find('\n') + 1) + "\ntoo long to show here\n");
  }
}

std::string github_annotation(const std::string& title, const std::string& text) {
  return fmt::format("::error title={}::{}\n", escaped(title, true), escaped(text, false));
}

}  // namespace crossover::cli
