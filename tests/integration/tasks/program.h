#pragma once

#include <fmt/format.h>

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
  const std::filesystem::path& path() const { return folder_.path(); }
  /// `arguments` from the program on, or from what is to start it.
  process::Outcome start(std::vector<std::string> arguments) const {
    process::Command command;
    command.argv = std::move(arguments);
    command.environment = {{"KUBECONFIG", std::getenv("CROSSOVER_TEST_KUBECONFIG")}};
    for (const auto& variable : environment) {
      command.environment.push_back(variable);
    }
    command.directory = folder_.path();
    command.timeout = std::chrono::minutes(3);
    return process::run(command);
  }
  /// The result document; `exit_code` must be what it ends with.
  nlohmann::json run(int exit_code, const std::string& program,
                     std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program);
    const process::Outcome outcome = start(std::move(arguments));
    INFO(outcome.err);
    CHECK(outcome.exit_code == exit_code);
    return nlohmann::json::parse(outcome.out);
  }
  /// The same for a run that fails: all that it says of why, as it stands at the end of stderr. The
  /// document must say the same, and that nothing was changed.
  std::string refusal(int exit_code, const std::string& program,
                      std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program);
    return refusal(exit_code, start(std::move(arguments)));
  }
  static std::string refusal(int exit_code, const process::Outcome& outcome) {
    INFO(outcome.out << outcome.err);
    CHECK(outcome.exit_code == exit_code);
    const nlohmann::json document = nlohmann::json::parse(outcome.out);
    CHECK(document["changed"] == false);
    const nlohmann::json error = document.value("error", nlohmann::json());
    std::string text;
    for (const auto& outer : error.value("context", nlohmann::json::array())) {
      text += outer.get<std::string>() + ": ";
    }
    text += error.value("message", "");
    if (error.contains("hint")) {
      text += "\nHINT: " + error["hint"].get<std::string>();
    }
    CHECK_THAT(outcome.err, Catch::EndsWith("error: " + text + "\n"));
    return text;
  }

  std::vector<std::pair<std::string, std::string>> environment{};

 private:
  files::TemporaryDirectory folder_;
};

}  // namespace crossover::testing
