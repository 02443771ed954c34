#include <sys/types.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <vector>

#include "base/error.h"
#include "files/files.h"
#include "process/command.h"

using namespace crossover;
using process::Command;
using process::Outcome;

namespace {

Command shell(std::string script) {
  Command command;
  command.argv = {"sh", "-c", std::move(script)};
  return command;
}

}  // namespace

TEST_CASE("captures both outputs and the exit code") {
  const Outcome outcome = process::run(shell("echo out; echo err >&2; exit 3"));
  CHECK(outcome.out == "out\n");
  CHECK(outcome.err == "err\n");
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.ending() == "exit code 3");
  CHECK_FALSE(outcome.ok());
}

TEST_CASE("a signal is told from an exit code") {
  const Outcome outcome = process::run(shell("kill -9 $$"));
  CHECK(outcome.ending() == "killed by signal 9 (Killed)");
  CHECK_FALSE(outcome.ok());
}

TEST_CASE("arguments reach the program as they are") {
  Command command;
  command.argv = {"printf", "%s|", "a b", "$HOME", "", "'; exit 1"};
  CHECK(process::run(command).out == "a b|$HOME||'; exit 1|");
}

TEST_CASE("a program that is missing is named with its cause") {
  Command command;
  command.argv = {"no-such-program"};
  try {
    process::run(command);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.text() == "unable to run 'no-such-program': No such file or directory");
    CHECK(error.hint() == "install 'no-such-program' or add its folder to PATH");
    CHECK(error.kind() == ErrorKind::failure);
  }
  command.argv = {"/etc/passwd"};
  CHECK_THROWS_WITH(process::run(command), "unable to run '/etc/passwd': Permission denied");
}

TEST_CASE("environment is added, replaced and taken away") {
  ::setenv("CROSSOVER_TEST_GONE", "1", 1);
  ::setenv("CROSSOVER_TEST_OLD", "1", 1);
  Command command =
      shell("echo $CROSSOVER_TEST_OLD-$CROSSOVER_TEST_SECRET-$CROSSOVER_TEST_GONE-$PATH");
  command.environment = {{"CROSSOVER_TEST_OLD", "2"}};
  command.secret_environment.emplace_back("CROSSOVER_TEST_SECRET", Secret("s3cret"));
  command.unset_environment = {"CROSSOVER_TEST_GONE"};
  CHECK_THAT(process::run(command).out, Catch::StartsWith("2-s3cret--/"));
}

TEST_CASE("stdin larger than a pipe goes through a program that echoes it") {
  Command command;
  command.argv = {"cat"};
  command.input = Secret(std::string(1 << 20, 'x'));
  CHECK(process::run(command).out == command.input.reveal());
}

TEST_CASE("a program that reads none of its stdin kills nobody") {
  Command command;
  command.argv = {"true"};
  command.input = Secret(std::string(1 << 20, 'x'));
  CHECK(process::run(command).ok());
}

TEST_CASE("output above the limit is dropped, not waited for") {
  Command command = shell("head -c 1000000 /dev/zero");
  command.output_limit = 1000;
  const Outcome outcome = process::run(command);
  CHECK(outcome.out.size() == 1000);
  CHECK(outcome.truncated);
  CHECK(outcome.ok());
}

TEST_CASE("lines are handed on, the last one without an end too") {
  std::vector<std::string> lines;
  Command command = shell("printf 'a\\n\\nb'");
  command.on_stdout_line = [&](std::string_view line) { lines.emplace_back(line); };
  process::run(command);
  CHECK(lines == std::vector<std::string>{"a", "", "b"});
}

TEST_CASE("an exception from a line callback kills the child and passes on") {
  Command command = shell("echo $$; exec sleep 60");
  pid_t child = 0;
  command.on_stdout_line = [&](std::string_view line) {
    child = std::stoi(std::string(line));
    throw std::runtime_error("seen");
  };
  CHECK_THROWS_WITH(process::run(command), "seen");
  CHECK(::kill(child, 0) == -1);
}

TEST_CASE("a program that does not end in time is killed with its children") {
  Command command = shell("trap '' TERM; sleep 60 & sleep 60");
  command.timeout = std::chrono::milliseconds(100);
  command.grace = std::chrono::milliseconds(100);
  try {
    process::run(command);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.text() == "unable to run 'sh': no end after 0.1 s");
    CHECK(error.kind() == ErrorKind::timeout);
  }
}

TEST_CASE("a stop request ends the program") {
  StopRequest stop;
  Command command = shell("echo up; sleep 60");
  command.stop = &stop;
  command.on_stdout_line = [&](std::string_view) { stop.request(); };
  CHECK_THROWS_WITH(process::run(command), "stopped on request");
}

TEST_CASE("a grandchild that keeps the pipes open is not waited for") {
  const Outcome outcome = process::run(shell("sleep 30 & echo $!"));
  ::kill(std::stoi(outcome.out), SIGKILL);
  CHECK(outcome.ok());
}

TEST_CASE("a memory file reaches the child") {
  const files::MemoryFile file("values", Secret("a: b"));
  Command command;
  command.argv = {"cat", file.path()};
  command.keep_open = {file.descriptor()};
  CHECK(process::run(command).out == "a: b");
  command.keep_open.clear();
  CHECK_FALSE(process::run(command).ok());
}

TEST_CASE("a program that repeats a secret is not repeated where it must not be") {
  Command command = shell("echo \"a $TOKEN b $TOKEN\"; echo \"no $TOKEN\" >&2; exit 1");
  command.secret_environment = {{"TOKEN", Secret("can'ary")}};
  CHECK(process::run(command).out == "a can'ary b can'ary\n");
  command.redact_output = true;
  std::vector<std::string> lines;
  command.on_stdout_line = [&](std::string_view line) { lines.emplace_back(line); };
  CHECK(process::run(command).out == "a [redacted] b [redacted]\n");
  CHECK(lines == std::vector<std::string>{"a [redacted] b [redacted]"});
  CHECK_THROWS_WITH(process::run_checked(command),
                    "unable to run 'sh': exit code 1: no [redacted]");
}

TEST_CASE("run_checked tells the ending and what the program said last") {
  CHECK_THROWS_WITH(process::run_checked(shell("echo Error: no chart >&2; exit 1")),
                    "unable to run 'sh': exit code 1: Error: no chart");
  CHECK_THROWS_WITH(process::run_checked(shell("exit 2")), "unable to run 'sh': exit code 2");
}

TEST_CASE("a folder that does not exist is the cause, not the program") {
  Command command;
  command.argv = {"true"};
  command.directory = "/no/such/folder";
  try {
    process::run(command);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.hint() == "the folder '/no/such/folder' does not exist");
  }
}
