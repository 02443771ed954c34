#include <sys/types.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "files/files.h"
#include "process/command.h"

using namespace crossover;
using nlohmann::json;
using process::Command;
using process::Outcome;

namespace {

/// The driver in an empty folder of its own.
class Driver {
 public:
  Command command(std::vector<std::string> arguments) const {
    Command command;
    command.argv = {CROSSOVER_CLI_DRIVER};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.directory = folder_.path();
    command.environment = environment;
    command.unset_environment = {"GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY",
                                 "TEKTON_RESULTS_DIR"};
    return command;
  }
  Outcome run(std::vector<std::string> arguments) const {
    return process::run(command(std::move(arguments)));
  }
  /// Through a shell, for redirections.
  Outcome shell(const std::string& redirected) const {
    Command shell = command({});
    shell.argv = {"sh", "-c", std::string(CROSSOVER_CLI_DRIVER) + " " + redirected};
    return process::run(shell);
  }
  void configure(std::string_view text) const {
    files::write_atomically(folder_.path() / "crossover.yaml", text);
  }
  std::filesystem::path folder() const { return folder_.path(); }
  std::vector<std::pair<std::string, std::string>> environment;

 private:
  files::TemporaryDirectory folder_;
};

json document(const Outcome& outcome) { return json::parse(outcome.out); }

}  // namespace

TEST_CASE("a success is one document, and 0") {
  const Driver driver;
  driver.configure("name: a\napproval: none\n");
  const Outcome outcome = driver.run({"apply"});
  CHECK(outcome.exit_code == 0);
  const json result = document(outcome);
  CHECK(result.at("task") == "driver");
  CHECK(result.at("verb") == "apply");
  CHECK(result.at("status") == "done");
  CHECK(result.at("changed") == true);
  CHECK(result.at("changes") == json::parse(R"([{"object": "thing/a", "action": "created"}])"));
  CHECK(result.at("checks") == json::array());
  CHECK(result.at("metrics").contains("work_seconds"));
  CHECK(result.at("plan_sha256").get<std::string>().size() == 64);
  CHECK_FALSE(result.contains("error"));
}

TEST_CASE("a failure is the same document, with what was done before, and the code of its kind") {
  const Driver driver;
  const Outcome outcome = driver.run({"fail"});
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.err == "error: unable to do 'it': no\nHINT: do something else\n");
  const json result = document(outcome);
  CHECK(result.at("status") == "failed");
  CHECK(result.at("changed") == true);
  CHECK(result.at("checks").at(0).at("outcome") == "fail");
  CHECK(result.at("error") == json::parse(R"({"kind": "failure", "message":
      "unable to do 'it': no", "hint": "do something else", "sqlstate": "25006"})"));
  CHECK(driver.run({"fail", "--kind", "precondition"}).exit_code == 3);
  CHECK(driver.run({"fail", "--kind", "conflict"}).exit_code == 4);
  CHECK(driver.run({"fail", "--kind", "timeout"}).exit_code == 6);
  const Outcome exception = driver.run({"fail", "--kind", "exception"});
  CHECK(exception.exit_code == 1);
  CHECK(exception.err ==
        "error: unable to run 'driver': boom\n"
        "HINT: this is a defect of the program, please report it\n");
}

TEST_CASE("wrong use is 2, with the nearest valid name") {
  const Driver driver;
  driver.configure("name: a\n");
  const auto refusal = [&](std::vector<std::string> arguments) {
    const Outcome outcome = driver.run(std::move(arguments));
    CHECK(outcome.exit_code == 2);
    CHECK(document(outcome).at("status") == "refused");
    return outcome.err;
  };
  CHECK(refusal({"aply"}) ==
        "error: unable to run 'driver': unknown verb 'aply'\nHINT: did you mean 'apply'?\n");
  CHECK(refusal({}) ==
        "error: unable to run 'driver': a verb is missing\n"
        "HINT: verbs: apply, fail, wait, show; see 'driver --help'\n");
  CHECK(refusal({"apply", "--dri-run"}) ==
        "error: unable to run 'driver': unknown option '--dri-run'\n"
        "HINT: did you mean '--dry-run'?\n");
  CHECK(refusal({"apply", "--kind", "failure"}) ==
        "error: unable to run 'driver': option '--kind' does not go with 'apply'\n"
        "HINT: it goes with: fail\n");
  CHECK(refusal({"show", "--timeout", "5"}) ==
        "error: unable to use '--timeout': it must be a duration such as 500ms, 2s or 10m, not "
        "'5'\n");
  CHECK(
      refusal({"fail", "--kind", "conflic"}) ==
      "error: unable to use '--kind': it must be one of failure, precondition, conflict, timeout, "
      "exception, not 'conflic'\nHINT: did you mean 'conflict'?\n");
  CHECK(refusal({"apply", "now"}) ==
        "error: unable to run 'driver': unexpected argument 'now'\n"
        "HINT: see 'driver apply --help'\n");
  CHECK(refusal({"show", "--config"}) ==
        "error: unable to run 'driver': option '--config' needs a value\n"
        "HINT: see 'driver --help'\n");
  CHECK(refusal({"show", "--token", "x"}) ==
        "error: unable to run 'driver': option '--token' is secret and not for the command line\n"
        "HINT: set CROSSOVER_TOKEN in the environment\n");
  CHECK(refusal({"--token", "x", "show"}) ==
        "error: unable to run 'driver': option '--token' is secret and not for the command line\n"
        "HINT: set CROSSOVER_TOKEN in the environment\n");
  CHECK(refusal({"show", "--config", "no.yaml"}).starts_with("error: unable to read 'no.yaml': "));
}

TEST_CASE("a verb that needs the configuration says so where there is none") {
  const Driver driver;
  const Outcome outcome = driver.run({"show"});
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.err ==
        "error: unable to read 'crossover.yaml': No such file or directory\n"
        "HINT: give the configuration with --config FILE, or run in its folder\n");
}

TEST_CASE("flags win over the environment over the file over the default") {
  Driver driver;
  driver.configure("name: a\n");
  const auto shown = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "show");
    const json report = document(driver.run(std::move(arguments))).at("report");
    return report.at("lock_timeout").get<std::string>() + " " + report.at("typed_ms").dump();
  };
  CHECK(shown({}) == "400ms 400");
  driver.configure("name: a\nsync: {lockTimeout: 1s}\n");
  CHECK(shown({}) == "1s 1000");
  driver.environment = {{"CROSSOVER_LOCK_TIMEOUT", "2s"}};
  CHECK(shown({}) == "2s 2000");
  CHECK(shown({"--lock-timeout", "3s"}) == "3s 3000");
  driver.environment = {{"CROSSOVER_LOCK_TIMEOUT", ""}};  // a parameter that was not given
  CHECK(shown({}) == "1s 1000");
  driver.environment = {{"CROSSOVER_LOCK_TIMEOUT", "x"}};
  CHECK(driver.run({"show"}).err ==
        "error: unable to use 'CROSSOVER_LOCK_TIMEOUT': it must be a duration such as 500ms, 2s or "
        "10m, not 'x'\n");
}

TEST_CASE("lists are repeated, in each of the ways that short options are written") {
  Driver driver;
  driver.configure("name: a\n");
  const auto params = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "show");
    return document(driver.run(std::move(arguments))).at("report").at("params");
  };
  CHECK(params({"-p", "A=1,2", "-pB=2", "-p=C=3", "--param", "D=", "--param=E=5"}) ==
        json{"A=1,2", "B=2", "C=3", "D=", "E=5"});
  CHECK(params({"-p", "-x", "-p", "--"}) == json{"-x", "--"});
  CHECK(params({"-p", ""}) == json{""});
  driver.environment = {{"CROSSOVER_PARAM", "A=1\nB=2\n"}};
  CHECK(params({}) == json{"A=1", "B=2"});
}

TEST_CASE("a secret comes from the environment only") {
  Driver driver;
  driver.configure("name: a\nnamespace: b\n");
  driver.environment = {{"CROSSOVER_TOKEN", "hunter2"}};
  const Outcome outcome = driver.run({"show"});
  CHECK(document(outcome).at("report").at("token_size") == 7);
  CHECK(document(outcome).at("report").at("namespace") == "b");
  CHECK(outcome.out.find("hunter2") == std::string::npos);
}

TEST_CASE("a dry run prints the plan and changes nothing; its hash approves it") {
  const Driver driver;
  driver.configure("name: a\n");
  const Outcome planned = driver.run({"apply", "--dry-run"});
  CHECK(planned.exit_code == 0);
  const json plan = document(planned);
  CHECK(plan.at("status") == "planned");
  CHECK(plan.at("changed") == false);
  CHECK(plan.at("plan").at("steps").at(0).at("object") == "thing/a");
  const std::string hash = plan.at("plan_sha256");
  CHECK(driver.run({"apply", "--approved-plan", hash}).exit_code == 0);

  const Outcome stale = driver.run({"apply", "--approved-plan", "abc"});
  CHECK(stale.exit_code == 3);
  CHECK(stale.err ==
        "error: unable to run 'driver apply': the plan has changed since it was approved (approved "
        "abc, now " +
            hash + ")\nHINT: look at 'driver apply --dry-run' and approve " + hash + "\n");
  CHECK(document(stale).at("changed") == false);

  const Outcome unasked = driver.run({"apply"});
  CHECK(unasked.exit_code == 3);
  CHECK(unasked.err ==
        "error: unable to run 'driver apply': the plan is not approved\n"
        "HINT: give --approved-plan " +
            hash +
            " once the plan is approved, or set 'approval: none' "
            "in the configuration\n");
  CHECK(driver.run({"apply", "--yes"}).exit_code == 3);  // nobody is at a terminal
}

TEST_CASE("a template makes the configuration needless, even a broken one") {
  const Driver driver;
  driver.configure("name: [\n");
  const Outcome outcome = driver.run({"apply", "--template", "x"});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out == "rendered\n");
}

TEST_CASE("text is for people") {
  const Driver driver;
  driver.configure("name: a\n");
  const Outcome outcome = driver.run({"apply", "--dry-run", "-o", "text"});
  CHECK_THAT(outcome.out, Catch::StartsWith("driver apply: planned, unchanged\n"
                                            "\n"
                                            "plan: change something\n"
                                            "ACTION  OBJECT   DETAIL\n"
                                            "apply   thing/a  as it is\n"
                                            "\n"
                                            "plan sha256: "));
}

TEST_CASE("help, version and the configuration take the place of the document") {
  const Driver driver;
  driver.configure("name: a\n");
  CHECK_THAT(driver.run({"--help"}).out, Catch::StartsWith("driver: does as it is told\n"));
  const Outcome verb = driver.run({"fail", "--help"});
  CHECK_THAT(verb.out, Catch::StartsWith("driver fail: fail\n"));
  CHECK_THAT(verb.out, Catch::Contains("--kind KIND") && !Catch::Contains("--dry-run"));
  CHECK_THAT(driver.run({"--version"}).out, Catch::StartsWith("driver 0."));
  CHECK(json::parse(driver.run({"--print-config", "-n", "b"}).out).at("namespace") == "b");
  CHECK(driver.run({"--help", "--no-such"}).exit_code == 2);
  for (const char* form : {"json", "tekton", "action"}) {
    CHECK_NOTHROW(document(driver.run({"--describe", form})));
  }
}

TEST_CASE("a stdout that can't be written to is an error, and nothing is changed") {
  const Driver driver;
  driver.configure("name: a\napproval: none\n");
  const Outcome closed = driver.shell("apply >&-");
  CHECK(closed.exit_code == 1);
  CHECK(closed.err ==
        "error: unable to write 'standard output': Bad file descriptor\n"
        "HINT: the result is written there; nothing was changed\n");
  const Outcome full = driver.shell("apply >/dev/full");
  CHECK(full.exit_code == 1);
  CHECK_THAT(full.err, Catch::StartsWith("error: unable to write 'standard output': No space left "
                                         "on device\n"));
  CHECK(full.err.find(" work") == std::string::npos);
  CHECK(driver.shell("--help >/dev/full").exit_code == 1);
}

TEST_CASE("what an engine wants to know is written where it says") {
  Driver driver;
  driver.configure("name: a\napproval: none\n");
  std::filesystem::create_directory(driver.folder() / "results");
  Command command = driver.command({"apply"});
  command.unset_environment.clear();
  command.environment = {{"TEKTON_RESULTS_DIR", (driver.folder() / "results").string()},
                         {"GITHUB_OUTPUT", (driver.folder() / "output").string()},
                         {"GITHUB_STEP_SUMMARY", (driver.folder() / "summary").string()}};
  const json result = document(process::run(command));
  const std::string hash = result.at("plan_sha256");
  CHECK(files::read(driver.folder() / "results" / "status") == "done");
  CHECK(files::read(driver.folder() / "results" / "changed") == "true");
  CHECK(files::read(driver.folder() / "results" / "plan-sha256") == hash);
  CHECK(files::read(driver.folder() / "output") ==
        "status=done\nchanged=true\nplan-sha256=" + hash + "\n");
  const std::string page = files::read(driver.folder() / "summary");
  CHECK_THAT(page, Catch::StartsWith("### driver apply: done, changed\n") &&
                       Catch::Contains("| thing/a | created |  |") &&
                       Catch::Contains("```mermaid\ngantt\n") && Catch::Contains("\n  work :"));
}

TEST_CASE("an error is annotated on a run's page") {
  Driver driver;
  Command command = driver.command({"fail"});
  command.unset_environment.clear();
  command.environment = {{"GITHUB_ACTIONS", "true"}};
  CHECK_THAT(process::run(command).err,
             Catch::EndsWith("::error title=driver fail::unable to do 'it': no\n"));
}

TEST_CASE("SIGTERM ends a run at its next safe point") {
  const Driver driver;
  Command command = driver.command({"wait"});
  pid_t pid = 0;
  command.argv = {"sh", "-c", "echo $$ >&2; exec \"$0\" wait", CROSSOVER_CLI_DRIVER};
  command.on_stderr_line = [&](std::string_view line) {
    if (pid == 0) {
      pid = std::stoi(std::string(line));
    } else if (line.ends_with("info waiting")) {
      ::kill(pid, SIGTERM);
    }
  };
  const Outcome outcome = process::run(command);
  CHECK(outcome.exit_code == 1);
  CHECK(document(outcome).at("status") == "cancelled");
  CHECK_THAT(outcome.err, Catch::EndsWith("error: stopped on request\n"
                                          "HINT: run the same command again to go on\n"));
}
