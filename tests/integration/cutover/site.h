#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "files/files.h"
#include "fixtures/moments.h"
#include "integration/cutover/service.h"
#include "process/command.h"

namespace crossover::test {

/// Of a program's result document: what its error says.
inline std::string message(const nlohmann::json& result) {
  return result.at("error").at("message");
}

/// The verb of route-switch that moves the service there.
inline std::string verb_to(sync::Side side) {
  return side == sync::Side::new_side ? "switch" : "rollback";
}

/// The check of that name in a program's result document; one with the outcome "missing" if there
/// is none.
inline nlohmann::json check_named(const nlohmann::json& result, const std::string& name) {
  for (const nlohmann::json& check : result.at("checks")) {
    if (check.at("name") == name) {
      return check;
    }
  }
  return {{"outcome", "missing"}};
}

/// A service and a folder with its crossover.yaml, in which the program route-switch is run.
class Site {
 public:
  /// `more` is added to crossover.yaml.
  explicit Site(const std::string& more = "approval: none\n", Begun begun = Begun::copied)
      : service_(1, 50, begun) {
    write_config("registry", sync::Side::old_side, more);
  }

  /// A migration of that name whose old database is that of `old_side`.
  void write_config(const std::string& name, sync::Side old_side, const std::string& more) {
    const auto database = [&](sync::Side side) {
      return fmt::format(
          "{{host: 127.0.0.1, port: {}, database: app, tls: {{mode: disable}}, "
          "credentials: {{user: postgres, passwordEnv: PASSWORD}}}}",
          service_.server(side).port());
    };
    std::ofstream(folder_.path() / "crossover.yaml")
        << "name: " << name << "\ndatabases:\n  old: " << database(old_side)
        << "\n  new: " << database(sync::other(old_side))
        << "\n  application: {user: app, passwordEnv: PASSWORD}\n"
        << more;
  }

  Service& service() { return service_; }

  /// Over its `lifetime` it is killed.
  process::Outcome start(std::vector<std::string> arguments, const std::string& stop_at = {},
                         std::optional<Duration> lifetime = {}) {
    process::Command command = route_switch(std::move(arguments), stop_at);
    const auto killer = killed_after(lifetime);
    command.argv.insert(command.argv.begin(), killer.begin(), killer.end());
    return process::run(command);
  }

  /// What `start` runs.
  process::Command route_switch(std::vector<std::string> arguments,
                                const std::string& stop_at = {}) {
    process::Command command;
    command.argv = {CROSSOVER_ROUTE_SWITCH};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    for (const std::string argument : {"--pooler-user", "postgres", "--pooler-folder",
                                       service_.pooler(0).directory().c_str(), "--pooler"}) {
      command.argv.push_back(argument);
    }
    command.argv.push_back(fmt::format("127.0.0.1:{}", service_.pooler(0).port()));
    return placed(std::move(command), stop_at);
  }

  /// Another of the six, with the same crossover.yaml.
  process::Outcome start_program(const std::string& path, std::vector<std::string> arguments,
                                 const std::string& stop_at = {}) {
    process::Command command;
    command.argv = {path};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    return process::run(placed(std::move(command), stop_at));
  }

  /// The result document of such a program; `exit_code` must be what it ends with.
  nlohmann::json run_program(int exit_code, const std::string& path,
                             std::vector<std::string> arguments) {
    const process::Outcome outcome = start_program(path, std::move(arguments));
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == exit_code);
    return nlohmann::json::parse(outcome.out);
  }

  const std::filesystem::path& folder() const { return folder_.path(); }

  /// The result document; `exit_code` must be what it ends with.
  nlohmann::json run(int exit_code, std::vector<std::string> arguments) {
    const process::Outcome outcome = start(std::move(arguments));
    INFO(outcome.err);
    CHECK(outcome.exit_code == exit_code);
    CHECK(outcome.out.find("password-canary") == std::string::npos);
    CHECK(outcome.err.find("password-canary") == std::string::npos);
    return nlohmann::json::parse(outcome.out);
  }

  std::string live() { return run(0, {"status"})["report"]["live"]; }

  /// Empty: that of CROSSOVER_TEST_KUBECONFIG, if any.
  std::string kubeconfig{};

 private:
  process::Command placed(process::Command command, const std::string& stop_at) const {
    const Secret password("superuser-password-canary");
    command.secret_environment = {{"PASSWORD", password}, {"CROSSOVER_POOLER_PASSWORD", password}};
    const char* of_environment = std::getenv("CROSSOVER_TEST_KUBECONFIG");
    if (!kubeconfig.empty() || of_environment != nullptr) {
      command.environment.emplace_back("KUBECONFIG",
                                       kubeconfig.empty() ? of_environment : kubeconfig);
    }
    if (!stop_at.empty()) {
      command.environment.emplace_back("CROSSOVER_STOP_AT", stop_at);
    }
    command.directory = folder_.path();
    command.timeout = std::chrono::minutes(2);
    return command;
  }

  Service service_;
  files::TemporaryDirectory folder_;
};

}  // namespace crossover::test
