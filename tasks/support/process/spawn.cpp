#include "process/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "base/error.h"

namespace crossover::process {
namespace {

[[noreturn]] void fail(const Command& command, int code) {
  const std::string name = command.argv.empty() ? std::string() : command.argv.front();
  Error error(ErrorKind::failure,
              fmt::format("unable to run '{}': {}", name, std::generic_category().message(code)));
  if (code == ENOENT && command.directory && ::access(command.directory->c_str(), X_OK) != 0) {
    error.set_hint(fmt::format("the folder '{}' does not exist", command.directory->string()));
  } else if (code == ENOENT) {
    error.set_hint(fmt::format("install '{}' or add its folder to PATH", name));
  }
  throw error;
}

struct Pipe {
  files::Descriptor read;
  files::Descriptor write;
};

Pipe make_pipe(const Command& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail(command, errno);
  }
  return {files::Descriptor(ends[0]), files::Descriptor(ends[1])};
}

bool names(std::string_view entry, std::string_view variable) {
  return entry.size() > variable.size() && entry.starts_with(variable) &&
         entry[variable.size()] == '=';
}

/// "NAME=VALUE" of the child. Its memory holds secrets and lives only until exec.
std::vector<std::string> child_environment(const Command& command) {
  std::vector<std::string> entries;
  const auto overridden = [&](std::string_view entry) {
    const auto named = [&](const auto& pair) { return names(entry, pair.first); };
    return std::ranges::any_of(command.environment, named) ||
           std::ranges::any_of(command.secret_environment, named) ||
           std::ranges::any_of(command.unset_environment,
                               [&](const std::string& name) { return names(entry, name); });
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!overridden(*entry)) {
      entries.emplace_back(*entry);
    }
  }
  for (const auto& [name, value] : command.environment) {
    entries.push_back(name + "=" + value);
  }
  for (const auto& [name, value] : command.secret_environment) {
    entries.push_back(name + "=" + value.reveal());
  }
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (std::string& text : strings) {
    list.push_back(text.data());
  }
  list.push_back(nullptr);
  return list;
}

/// All that the child needs between fork and exec, made before the fork: after it, in a process
/// with threads, only async-signal-safe calls are allowed.
struct Prepared {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  int in = -1;
  int out = -1;
  int err = -1;
  int report = -1;
};

[[noreturn]] void become(const Command& command, const Prepared& prepared, pid_t parent) {
  const auto give_up = [&prepared]() {
    const int code = errno;
    [[maybe_unused]] const ssize_t put = ::write(prepared.report, &code, sizeof code);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  // A child must not go on with its work unattended when this process is killed.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) {
    ::_exit(127);
  }
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(prepared.in, STDIN_FILENO) < 0 || ::dup2(prepared.out, STDOUT_FILENO) < 0 ||
      ::dup2(prepared.err, STDERR_FILENO) < 0) {
    give_up();
  }
  for (const int descriptor : command.keep_open) {
    if (::fcntl(descriptor, F_SETFD, 0) != 0) {
      give_up();
    }
  }
  if (command.directory && ::chdir(command.directory->c_str()) != 0) {
    give_up();
  }
  ::execvpe(prepared.argv.front(), prepared.argv.data(), prepared.envp.data());
  give_up();
  ::_exit(127);
}

}  // namespace

Child spawn(const Command& command) {
  if (command.argv.empty()) {
    fail(command, ENOENT);
  }
  Pipe in;
  if (command.input.empty()) {
    in.read = files::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  } else {
    in = make_pipe(command);
  }
  Pipe out = make_pipe(command);
  Pipe err = make_pipe(command);
  Pipe report = make_pipe(command);
  Prepared prepared{.arguments = command.argv,
                    .environment = child_environment(command),
                    .argv = {},
                    .envp = {},
                    .in = in.read.get(),
                    .out = out.write.get(),
                    .err = err.write.get(),
                    .report = report.write.get()};
  prepared.argv = pointers(prepared.arguments);
  prepared.envp = pointers(prepared.environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    fail(command, errno);
  }
  if (pid == 0) {
    become(command, prepared, parent);
  }
  ::setpgid(pid, pid);  // in both, so that neither has to wait for the other; one of them may fail
  report.write.close();
  int code = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.read.get(), &code, sizeof code);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    ::waitpid(pid, nullptr, 0);
    fail(command, code);
  }
  return {pid, std::move(in.write), std::move(out.read), std::move(err.read)};
}

}  // namespace crossover::process
