#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "files/files.h"
#include "process/command.h"

namespace crossover::testing {

/// A folder with a crossover.yaml, in which programs are run against the sandbox.
class Workplace {
 public:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() / name) << text;
  }
  /// The result document; `exit_code` must be what it ends with.
  nlohmann::json run(int exit_code, const std::string& program,
                     std::vector<std::string> arguments) const {
    process::Command command;
    command.argv = {program};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {{"KUBECONFIG", std::getenv("CROSSOVER_TEST_KUBECONFIG")}};
    command.directory = folder_.path();
    command.timeout = std::chrono::minutes(3);
    const process::Outcome outcome = process::run(command);
    INFO(outcome.err);
    CHECK(outcome.exit_code == exit_code);
    return nlohmann::json::parse(outcome.out);
  }

 private:
  files::TemporaryDirectory folder_;
};

}  // namespace crossover::testing
