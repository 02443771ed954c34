// What people and files get wrong, and the whole of what is said about it. None of it needs a
// server, so nothing was touched.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/programs.h"

using crossover::process::Outcome;
using crossover::testing::all_programs;
using crossover::testing::name_of;
using crossover::testing::Place;
using nlohmann::json;

namespace {

/// stderr of a refusal; its document must say the same.
std::string refusal(const Outcome& outcome, int exit_code = 2) {
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == exit_code);
  const json document = json::parse(outcome.out);
  CHECK(document["status"] == (exit_code == 1 ? "failed" : "refused"));
  CHECK(document["changed"] == false);
  CHECK(document["changes"].empty());
  const json& error = document["error"];
  std::string text = fmt::format("error: {}\n", error["message"].get<std::string>());
  if (error.contains("hint")) {
    text += fmt::format("HINT: {}\n", error["hint"].get<std::string>());
  }
  CHECK(outcome.err == text);
  return outcome.err;
}

/// The arguments with which each program changes something.
std::vector<std::string> changing(std::string_view program) {
  const std::string name = name_of(program);
  if (name == "seed-verify") {
    return {"check", "--phase", "schema"};
  }
  return {name == "data-sync" ? "start" : name == "route-switch" ? "switch" : "apply"};
}

std::string of_configuration(const std::string& text) {
  const Place place;
  place.write("crossover.yaml", text);
  return refusal(place.run(CROSSOVER_NSP_APPLY, {"apply", "--dry-run"}));
}

std::string of_template(const std::string& text) {
  const Place place;
  place.write("t.yaml", text);
  return refusal(place.run(CROSSOVER_NSP_APPLY, {"apply", "--render", "--template", "t.yaml"}));
}

const std::string at = "error: unable to read 'crossover.yaml': crossover.yaml:";

}  // namespace

TEST_CASE("an unknown verb is refused by each program, with the nearest one") {
  const std::vector<std::pair<std::string, std::string>> verbs = {
      {"aply", "apply"},  {"aplly", "apply"},  {"chek", "check"},
      {"strat", "start"}, {"swich", "switch"}, {"aply", "apply"}};
  const Place place;
  for (std::size_t index = 0; index < verbs.size(); ++index) {
    const auto& [typed, meant] = verbs[index];
    CHECK(refusal(place.run(all_programs.at(index), {typed})) ==
          fmt::format("error: unable to run '{}': unknown verb '{}'\nHINT: did you mean '{}'?\n",
                      name_of(all_programs.at(index)), typed, meant));
  }
}

TEST_CASE("an unknown flag is refused by each program, with the nearest one") {
  const Place place;
  for (const std::string_view program : all_programs) {
    std::vector<std::string> arguments = changing(program);
    arguments.insert(arguments.end(), {"--namspace", "x"});
    CHECK(refusal(place.run(program, arguments)) ==
          fmt::format("error: unable to run '{}': unknown option '--namspace'\n"
                      "HINT: did you mean '--namespace'?\n",
                      name_of(program)));
  }
}

TEST_CASE("an unknown key is refused by each program, with its line and the nearest one") {
  const Place place;
  place.write("crossover.yaml", "name: a\ndatabses: {}\n");
  for (const std::string_view program : all_programs) {
    CHECK(refusal(place.run(program, changing(program))) ==
          at + "2: unknown key 'databses'\nHINT: did you mean 'databases'?\n");
  }
}

TEST_CASE("a configuration that is no YAML is refused with the line") {
  CHECK(of_configuration("name: [a\n") == at + "2: did not find expected ',' or ']'\n");
  CHECK(of_configuration("name: \"a\n") == at + "2: found unexpected end of stream\n");
  CHECK(of_configuration("name: a\nsync:\n\tworkers: 4\n") ==
        at + "3: a tab is used as indentation\nHINT: use spaces\n");
  CHECK(of_configuration("name: a\n\tsync: {}\n") ==
        at + "2: a tab is used as indentation\nHINT: use spaces\n");
  CHECK(of_configuration("name: \xff\n") == at + "1: invalid leading UTF-8 octet at byte 6\n");
  CHECK(of_configuration(std::string("name: a\0b\n", 10)) ==
        at + "1: control characters are not allowed at byte 7\n");
  CHECK(of_configuration("name: *unknown\n") == at + "1: the referenced anchor is not defined\n");
}

TEST_CASE("a configuration that says two things, or the wrong ones, is refused with the line") {
  CHECK(of_configuration("name: a\nsync: {workers: 1}\nsync: {workers: 2}\n") ==
        at + "3: duplicate key 'sync'\n");
  CHECK(of_configuration("name: a\nsync:\n  workers: 1\n  workers: 2\n") ==
        at + "4: duplicate key 'workers'\n");
  CHECK(of_configuration("name: a\n---\nname: b\n") ==
        at + "2: a second document starts here; only one is allowed\n");
  CHECK(of_configuration("name: {a: b}\n") == at + "1: 'name' must be a string, not a mapping\n");
  CHECK(of_configuration("name: a\nsync: {workers: four}\n") ==
        at + "2: 'sync.workers' must be a whole number, not 'four'\n");
  CHECK(of_configuration("name: a\nprovision: {timeout: 5}\n") ==
        at + "2: 'provision.timeout' must be a duration such as 500ms, 2s or 10m, not '5'\n");
  CHECK(of_configuration("name: a\nnetwork: {rules: rules.yaml}\n") ==
        at + "2: 'network.rules' must be a list of mappings, not 'rules.yaml'\n");
  CHECK(of_configuration("a, b\n") == at + "1: it must be a mapping, not 'a, b'\n");
  CHECK(of_configuration("") == at + "1: 'name' is missing\n");
}

TEST_CASE("a configuration that can't be read is refused") {
  const Place place;
  CHECK(refusal(place.run(CROSSOVER_DATA_SYNC, {"start", "--config", "none.yaml"})) ==
        "error: unable to read 'none.yaml': No such file or directory\n");
  CHECK(refusal(place.run(CROSSOVER_DATA_SYNC, {"start"})) ==
        "error: unable to read 'crossover.yaml': No such file or directory\n"
        "HINT: give the configuration with --config FILE, or run in its folder\n");
  CHECK(refusal(place.run(CROSSOVER_DATA_SYNC, {"start", "--config", "/"})) ==
        "error: unable to read '/': is a directory\n");
  place.write("crossover.yaml", "name: a\n");
  std::filesystem::permissions(place.path() / "crossover.yaml", std::filesystem::perms::none);
  CHECK(refusal(place.run_without_rights(CROSSOVER_DATA_SYNC, {"start"})) ==
        "error: unable to read 'crossover.yaml': Permission denied\n");
}

TEST_CASE("what is no template is refused, and nothing is rendered") {
  const std::string hint =
      "HINT: a template has apiVersion template.openshift.io/v1 and kind Template\n";
  CHECK(of_template("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n") ==
        "error: unable to read 't.yaml': it is not a template but v1 ConfigMap\n" + hint);
  CHECK(of_template("just text\n") ==
        "error: unable to read 't.yaml': it is not a template but a scalar or list\n" + hint);
  CHECK(of_template("") == "error: unable to read 't.yaml': it holds no document\n");
  CHECK(of_template("\x7f\x45LF\x02\x01") ==
        "error: unable to read 't.yaml': t.yaml:1: control characters are not allowed at byte 0\n");
  CHECK(of_template("kind: Template\napiVersion: template.openshift.io/v1\nobjects: 5\n") ==
        "error: unable to read 't.yaml': 'objects' must be a list, not a number\n");
  const Place place;
  place.write("t.yaml", "kind: Template\n");
  std::filesystem::permissions(place.path() / "t.yaml", std::filesystem::perms::none);
  const std::vector<std::string> render = {"apply", "--render", "--template"};
  const auto with = [&](const std::string& file) {
    std::vector<std::string> arguments = render;
    arguments.push_back(file);
    return arguments;
  };
  CHECK(refusal(place.run_without_rights(CROSSOVER_DB_PROVISION, with("t.yaml"))) ==
        "error: unable to read 't.yaml': Permission denied\n");
  CHECK(refusal(place.run(CROSSOVER_BACKUP_INSTALL, with("none.yaml"))) ==
        "error: unable to read 'none.yaml': No such file or directory\n");
  CHECK(refusal(place.run(CROSSOVER_BACKUP_INSTALL, with("/"))) ==
        "error: unable to read '/': is a directory\n");
}

TEST_CASE("a kubeconfig that leads nowhere is refused") {
  const Place place;
  place.write("crossover.yaml",
              "name: a\napproval: none\nnetwork: {rules: [{manifests: a.yaml}]}\n");
  place.write("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  place.write("config", R"(apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: abc}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
)");
  const auto apply = [&](std::vector<std::string> arguments, int exit_code = 3) {
    arguments.insert(arguments.begin(), "apply");
    return refusal(place.run(CROSSOVER_NSP_APPLY, arguments), exit_code);
  };
  CHECK(apply({"--kubeconfig", "config"}) ==
        "error: unable to use kubeconfig 'config': it has no current context\n"
        "HINT: name one with --context or set one with 'oc config use-context'; it has 'x'\n");
  CHECK(apply({"--kubeconfig", "config", "--context", "y"}) ==
        "error: unable to use kubeconfig 'config': it has no context 'y'\nHINT: it has 'x'\n");
  CHECK(apply({"--kubeconfig", "none"}) ==
        "error: unable to read kubeconfig 'none': No such file or directory\n");
  CHECK(apply({}) ==
        "error: unable to find 'kubeconfig': neither $KUBECONFIG nor ~/.kube/config nor the "
        "service account of a pod is there\n"
        "HINT: log in with 'oc login', or name a file with --kubeconfig\n");
  CHECK(apply({"--kubeconfig", "config", "--context", "x"}, 1) ==
        "error: unable to reach 'http://127.0.0.1:1': connection refused\n"
        "HINT: check the address and that the network lets this client reach it\n");
}

TEST_CASE("a stdout that takes nothing ends each program before it does anything") {
  const Place place;
  place.write("crossover.yaml", "name: a\napproval: none\n");
  for (const std::string_view program : all_programs) {
    std::string arguments;
    for (const std::string& argument : changing(program)) {
      arguments += argument + " ";
    }
    const Outcome closed = place.shell(program, arguments + ">&-");
    CHECK(closed.exit_code == 1);
    CHECK(closed.err ==
          "error: unable to write 'standard output': Bad file descriptor\n"
          "HINT: the result is written there; nothing was changed\n");
    const Outcome full = place.shell(program, arguments + ">/dev/full");
    CHECK(full.exit_code == 1);
    CHECK(full.err ==
          "error: unable to write 'standard output': No space left on device\n"
          "HINT: the result is written there; nothing was changed\n");
  }
}
