#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "files/files.h"
#include "process/command.h"

using crossover::files::TemporaryDirectory;
using crossover::process::Outcome;
using nlohmann::json;

namespace {

struct Program {
  TemporaryDirectory folder;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder.path() / name) << text;
  }
  Outcome run(std::vector<std::string> argv) const {
    crossover::process::Command command;
    command.argv = std::move(argv);
    command.directory = folder.path();
    command.timeout = std::chrono::seconds(60);
    return crossover::process::run(command);
  }
  Outcome nsp_apply(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), CROSSOVER_NSP_APPLY);
    return run(std::move(arguments));
  }
  Outcome backup_install(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), CROSSOVER_BACKUP_INSTALL);
    return run(std::move(arguments));
  }
};

constexpr const char* rules = R"(apiVersion: template.openshift.io/v1
kind: Template
metadata: {name: rules}
parameters: [{name: APP, required: true}]
objects:
  - apiVersion: security.devops.gov.bc.ca/v1alpha1
    kind: NetworkSecurityPolicy
    metadata: {name: "${APP}-to-db"}
    spec: {source: [["app=${APP}"]], destination: [[role=db]]}
)";

constexpr const char* config = R"(name: shop
namespace: shop
network:
  rules: [{template: rules.yaml, parameters: {APP: web}}]
)";

}  // namespace

TEST_CASE("a template is rendered without cluster and configuration") {
  const Program program;
  program.write("rules.yaml", rules);
  const Outcome outcome =
      program.nsp_apply({"apply", "--render", "--template", "rules.yaml", "-p", "APP=web"});
  REQUIRE(outcome.exit_code == 0);
  const json list = json::parse(outcome.out);
  CHECK(list["kind"] == "List");
  CHECK(list["items"][0]["metadata"]["name"] == "web-to-db");
  CHECK(outcome.err.empty());
}

TEST_CASE("a configured source is rendered, and translated where asked") {
  const Program program;
  program.write("rules.yaml", rules);
  program.write("crossover.yaml", config);
  const json plain = json::parse(program.nsp_apply({"apply", "--render"}).out);
  CHECK(plain["items"][0]["kind"] == "NetworkSecurityPolicy");
  CHECK(plain["items"][0]["metadata"]["namespace"] == "shop");
  const json translated = json::parse(program.nsp_apply({"apply", "--render", "--translate"}).out);
  CHECK(translated["items"][0]["kind"] == "NetworkPolicy");
}

TEST_CASE("what does not go together is a usage error, and nothing is printed but the result") {
  const Program program;
  program.write("rules.yaml", rules);
  const auto error_of = [](const Outcome& outcome) {
    CHECK(outcome.exit_code == 2);
    return json::parse(outcome.out)["error"]["message"].get<std::string>();
  };
  CHECK(error_of(program.nsp_apply({"apply", "--template", "rules.yaml"})) ==
        "unable to use '--template': it goes with --render");
  CHECK(error_of(program.nsp_apply({"apply", "--render", "--template", "rules.yaml"})) ==
        "unable to process template 'rules.yaml': parameter 'APP' is required and has no value");
  program.write("crossover.yaml", config);
  CHECK(error_of(program.nsp_apply({"apply", "-p", "APP=x"})) ==
        "unable to use '--param': it goes with --template");
  CHECK(error_of(program.nsp_apply({"prove"})) ==
        "unable to use 'crossover.yaml': 'network.prove' is missing");
  CHECK(error_of(program.backup_install({"status"})) ==
        "unable to use 'crossover.yaml': 'backup' is missing");
}

TEST_CASE("one connection is tried from where the program runs") {
  const Program program;
  const Outcome closed = program.nsp_apply({"prove", "--connect", "127.0.0.1:1"});
  CHECK(closed.exit_code == 1);
  CHECK(json::parse(closed.out)["error"]["message"] ==
        "unable to connect to '127.0.0.1:1': Connection refused");
  CHECK(program.nsp_apply({"prove", "--connect", "nowhere"}).exit_code == 2);
}
