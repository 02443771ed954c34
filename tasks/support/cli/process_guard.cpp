#include "cli/process_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "base/error.h"

namespace crossover::cli {
namespace {

// A signal handler can reach nothing but this.
std::atomic<StopRequest*> stop_of_process{nullptr};

void on_signal(int /*number*/) {
  if (StopRequest* stop = stop_of_process.load(std::memory_order_relaxed)) {
    stop->request();
  }
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

[[noreturn]] void no_output(int code) {
  throw Error(
      ErrorKind::failure,
      fmt::format("unable to write 'standard output': {}", std::generic_category().message(code)),
      "the result is written there; nothing was changed");
}

}  // namespace

void guard_process() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) < 0) {
      // open() gives the lowest free number, which is this one; in the wrong direction, so that use
      // still fails
      [[maybe_unused]] const int taken =
          ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
  handle(SIGPIPE, SIG_IGN);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__  // its leak check attaches to the process
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

StopSignals::StopSignals(StopRequest& stop) {
  stop_of_process.store(&stop);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) {  // nohup, or a job in the background: it stays ignored
      handle(number, on_signal);
    }
  }
}

StopSignals::~StopSignals() { stop_of_process.store(nullptr); }

void check_standard_output() {
  const int flags = ::fcntl(STDOUT_FILENO, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
    no_output(EBADF);
  }
  if (::write(STDOUT_FILENO, "", 0) < 0) {
    no_output(errno);
  }
  struct stat status {};
  struct statvfs space {};
  if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
      ::fstatvfs(STDOUT_FILENO, &space) == 0 && space.f_blocks > 0 &&
      (::geteuid() == 0 ? space.f_bfree : space.f_bavail) == 0) {
    no_output(ENOSPC);
  }
}

}  // namespace crossover::cli
