#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "files/files.h"
#include "process/command.h"

namespace crossover::testing {

inline constexpr std::array<std::string_view, 6> all_programs{
    CROSSOVER_NSP_APPLY, CROSSOVER_DB_PROVISION, CROSSOVER_SEED_VERIFY,
    CROSSOVER_DATA_SYNC, CROSSOVER_ROUTE_SWITCH, CROSSOVER_BACKUP_INSTALL};

inline std::string name_of(std::string_view program) {
  return std::filesystem::path(program).filename().string();
}

/// A folder of its own, in which programs run as people run them: no cluster, no CI around them.
class Place {
 public:
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_.path() / name, std::ios::binary) << text;
  }
  const std::filesystem::path& path() const { return folder_.path(); }

  process::Outcome run(std::vector<std::string> argv) const {
    process::Command command;
    command.argv = std::move(argv);
    command.environment = {{"HOME", folder_.path().string()}};
    command.unset_environment = {"KUBECONFIG", "GITHUB_ACTIONS", "GITHUB_OUTPUT",
                                 "GITHUB_STEP_SUMMARY", "TEKTON_RESULTS_DIR"};
    command.directory = folder_.path();
    command.timeout = std::chrono::seconds(60);
    return process::run(command);
  }
  process::Outcome run(std::string_view program, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), std::string(program));
    return run(std::move(arguments));
  }
  /// As somebody who may not read what the file's mode denies, also where that is root.
  process::Outcome run_without_rights(std::string_view program,
                                      std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {"setpriv", "--bounding-set=-dac_override,-dac_read_search",
                                     "--", std::string(program)};
    std::ranges::move(arguments, std::back_inserter(argv));
    return run(std::move(argv));
  }
  /// Through a shell, for redirections.
  process::Outcome shell(std::string_view program, const std::string& rest) const {
    return run({"sh", "-c", std::string(program) + " " + rest});
  }

 private:
  files::TemporaryDirectory folder_;
};

}  // namespace crossover::testing
