#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "process/command.h"
#include "process/spawn.h"

namespace crossover::process {
namespace {

constexpr std::size_t longest_line = 65536;
// How often a child without output is looked at.
constexpr int tick_ms = 20;

std::string redacted_text(const Command& command, std::string text) {
  // A shorter value would take the text apart where it means nothing.
  constexpr std::size_t shortest = 4;
  if (!command.redact_output) {
    return text;
  }
  for (const auto& [name, secret] : command.secret_environment) {
    const std::string& value = secret.reveal();
    for (std::size_t at = 0;
         value.size() >= shortest && (at = text.find(value, at)) != std::string::npos;
         at += redacted.size()) {
      text.replace(at, value.size(), redacted);
    }
  }
  return text;
}

/// One of the child's two outputs: kept up to the limit, handed on line by line.
class Capture {
 public:
  Capture(files::Descriptor& pipe, const Command& command,
          const std::function<void(std::string_view)>& on_line)
      : pipe_(pipe), limit_(command.output_limit), command_(command), on_line_(on_line) {
    ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  }

  int descriptor() const { return pipe_.get(); }
  bool open() const { return static_cast<bool>(pipe_); }
  bool truncated() const { return truncated_; }
  std::string take() { return redacted_text(command_, std::move(kept_)); }

  /// Reads what is there now.
  void drain() {
    std::array<char, longest_line> buffer{};
    while (open()) {
      const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
      if (got > 0) {
        accept({buffer.data(), static_cast<std::size_t>(got)});
      } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        pipe_.close();
        flush();
      } else if (errno == EAGAIN) {
        return;
      }
    }
  }

  /// Hands on a last line without an end.
  void flush() {
    if (!line_.empty() && on_line_) {
      hand_on();
    }
    line_.clear();
  }

 private:
  void hand_on() { on_line_(redacted_text(command_, line_)); }

  void accept(std::string_view bytes) {
    const std::size_t room = limit_ - std::min(limit_, kept_.size());
    kept_.append(bytes.substr(0, room));
    truncated_ = truncated_ || bytes.size() > room;
    if (!on_line_) {
      return;
    }
    for (const char byte : bytes) {
      if (byte == '\n' || line_.size() >= longest_line) {
        hand_on();
        line_.clear();
      }
      if (byte != '\n') {
        line_ += byte;
      }
    }
  }

  files::Descriptor& pipe_;
  std::size_t limit_;
  const Command& command_;
  const std::function<void(std::string_view)>& on_line_;
  std::string kept_;
  std::string line_;
  bool truncated_ = false;
};

/// Kills and reaps the child's group unless it was reaped: also when an exception passes.
class Reaper {
 public:
  explicit Reaper(pid_t pid) : pid_(pid) {}
  ~Reaper() {
    if (!ended_) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  bool ended() {
    if (!ended_) {
      ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    }
    return ended_;
  }
  void signal(int number) const { ::kill(-pid_, number); }
  int exit_code() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : 0; }
  int killed_by() const { return WIFSIGNALED(status_) ? WTERMSIG(status_) : 0; }

 private:
  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

/// Feeds the child's stdin without ever blocking on it.
class Feed {
 public:
  Feed(files::Descriptor& pipe, const std::string& bytes) : pipe_(pipe), left_(bytes) {
    if (pipe_) {
      ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
    }
  }
  int descriptor() const { return pipe_.get(); }
  void push() {
    while (pipe_ && !left_.empty()) {
      const ssize_t put = ::write(pipe_.get(), left_.data(), left_.size());
      if (put > 0) {
        left_.remove_prefix(static_cast<std::size_t>(put));
      } else if (errno == EAGAIN) {
        return;
      } else if (errno != EINTR) {
        left_ = {};  // the child does not want the rest
      }
    }
    pipe_.close();
  }

 private:
  files::Descriptor& pipe_;
  std::string_view left_;
};

/// A child that reads nothing must not kill this process; only this thread's mask is touched, since
/// dispositions belong to the whole process.
class NoSigpipe {
 public:
  NoSigpipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec now{};
    if (::sigismember(&before_, SIGPIPE) == 0) {
      ::sigtimedwait(&pipe_, nullptr, &now);
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

/// Ends a child that must end: SIGTERM once, SIGKILL after the grace.
class Terminator {
 public:
  Terminator(const Command& command, const Clock& clock) : command_(command), clock_(clock) {
    start_ = clock.now();
  }

  void look(const Reaper& reaper) {
    const auto now = clock_.now();
    if (asked_at_) {
      if (now - *asked_at_ >= command_.grace) {
        reaper.signal(SIGKILL);
      }
      return;
    }
    timed_out_ = command_.timeout > Duration::zero() && now - start_ >= command_.timeout;
    stopped_ = !timed_out_ && command_.stop != nullptr && command_.stop->requested();
    if (timed_out_ || stopped_) {
      reaper.signal(SIGTERM);
      asked_at_ = now;
    }
  }

  void throw_if_used(const std::string& name) const {
    if (timed_out_) {
      throw Error(ErrorKind::timeout, fmt::format("unable to run '{}': no end after {:g} s", name,
                                                  seconds(command_.timeout)));
    }
    if (stopped_) {
      command_.stop->throw_if_requested();
    }
  }

 private:
  const Command& command_;
  const Clock& clock_;
  Clock::Monotonic start_;
  std::optional<Clock::Monotonic> asked_at_;
  bool timed_out_ = false;
  bool stopped_ = false;
};

void wait_for_event(const Feed& feed, const Capture& out, const Capture& err) {
  std::array<pollfd, 3> watched{{{feed.descriptor(), POLLOUT, 0},
                                 {out.descriptor(), POLLIN, 0},
                                 {err.descriptor(), POLLIN, 0}}};
  ::poll(watched.data(), watched.size(), tick_ms);
}

/// The last lines of an error output on one line, for an error text.
std::string tail(std::string_view text) {
  constexpr std::size_t most = 600;
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  if (text.size() > most) {
    text.remove_prefix(text.size() - most);
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace

std::string Outcome::ending() const {
  return signal == 0 ? fmt::format("exit code {}", exit_code)
                     : fmt::format("killed by signal {} ({})", signal, ::strsignal(signal));
}

Outcome run(const Command& command) {
  const SystemClock clock;
  const NoSigpipe no_sigpipe;
  Child child = spawn(command);
  Reaper reaper(child.pid);
  Capture out(child.out, command, command.on_stdout_line);
  Capture err(child.err, command, command.on_stderr_line);
  Feed feed(child.in, command.input.reveal());
  Terminator terminator(command, clock);
  // A grandchild that lives on may hold the pipes open: the child's end is what counts.
  while (!reaper.ended()) {
    wait_for_event(feed, out, err);
    feed.push();
    out.drain();
    err.drain();
    terminator.look(reaper);
  }
  for (Capture* capture : {&out, &err}) {
    capture->drain();
    capture->flush();
  }
  terminator.throw_if_used(command.argv.front());
  return {reaper.exit_code(), reaper.killed_by(), out.take(), err.take(),
          out.truncated() || err.truncated()};
}

Outcome run_checked(const Command& command) {
  Outcome outcome = run(command);
  if (!outcome.ok()) {
    const std::string said = tail(outcome.err.empty() ? outcome.out : outcome.err);
    throw Error(ErrorKind::failure, fmt::format("unable to run '{}': {}{}{}", command.argv.front(),
                                                outcome.ending(), said.empty() ? "" : ": ", said));
  }
  return outcome;
}

}  // namespace crossover::process
