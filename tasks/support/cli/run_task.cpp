#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "cli/ci_outputs.h"
#include "cli/command_line.h"
#include "cli/describe.h"
#include "cli/help.h"
#include "cli/layers.h"
#include "cli/process_guard.h"
#include "cli/result_page.h"
#include "cli/screen.h"
#include "cli/screen_log.h"
#include "cli/screen_progress.h"
#include "cli/standard_options.h"
#include "cli/surroundings.h"
#include "cli/table.h"
#include "cli/task.h"
#include "cli/version.h"
#include "digest/sha256.h"
#include "files/files.h"

namespace crossover::cli {
namespace {

std::string random_id() {
  std::array<std::uint8_t, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(ErrorKind::failure, "unable to make 'run id': no random bytes");
  }
  return digest::hex(bytes);
}

/// One process's run of a task, from the command line to the exit code.
class Session {
 public:
  Session(const TaskSpec& spec, std::vector<std::string> arguments, Surroundings surroundings)
      : spec_(spec),
        arguments_(std::move(arguments)),
        surroundings_(std::move(surroundings)),
        options_(all_options(spec)),
        screen_(STDERR_FILENO, surroundings_.terminal_err),
        signals_(stop_) {}

  int run(const Run& body) {
    std::optional<Error> error;
    try {
      prepare();
      if (!raw_) {
        check_standard_output();
        perform(body);
      }
    } catch (const Error& thrown) {
      error = thrown;
    } catch (const std::exception& thrown) {
      error = Error(ErrorKind::failure,
                    fmt::format("unable to run '{}': {}", spec_.name, thrown.what()),
                    "this is a defect of the program, please report it");
    }
    return report(std::move(error));
  }

 private:
  void prepare();
  void load_configuration();
  void perform(const Run& body);
  bool ask(const Plan& plan, std::string_view question);
  std::optional<std::string> read_answer();
  bool as_json() const;
  int report(std::optional<Error> error);
  void show(const Error& error);
  std::string title() const {
    return verb_ == nullptr ? spec_.name : fmt::format("{} {}", spec_.name, verb_->name);
  }

  const TaskSpec& spec_;
  const std::vector<std::string> arguments_;
  const Surroundings surroundings_;
  const std::vector<OptionSpec> options_;
  const SystemClock clock_;
  Screen screen_;
  StopRequest stop_;
  StopSignals signals_;
  const VerbSpec* verb_ = nullptr;
  OptionValues values_;
  std::optional<config::Migration> config_;
  std::optional<Result> result_;
  std::optional<std::string> raw_;
  std::string format_;
};

/// Takes the command line apart and answers what needs no run.
void Session::prepare() {
  format_ = surroundings_.variable("CROSSOVER_OUTPUT").value_or("");
  const CommandLine line = parse_command_line(arguments_, options_, spec_.name);
  if (const auto format = line.values.find("output"); format != line.values.end()) {
    format_ = format->second.back();
  }
  verb_ = check_command_line(line, spec_, options_);
  values_ = layer(line, options_, verb_ == nullptr ? std::string() : verb_->name, surroundings_);
  const Options given(values_);
  format_ = given.text("output");
  if (given.flag("help")) {
    raw_ = help(spec_, verb_);
  } else if (given.flag("version")) {
    const auto [number, commit] = version();
    raw_ = fmt::format("{} {}{}\n", spec_.name, number,
                       commit.empty() ? "" : fmt::format(" (commit {})", commit));
  } else if (given.given("describe")) {
    raw_ = describe(spec_, given.text("describe"));
  } else {
    load_configuration();
    if (given.flag("print-config")) {
      raw_ = config::to_json(*config_).dump(2) + "\n";
    }
  }
}

void Session::load_configuration() {
  const Options given(values_);
  const bool freed = std::ranges::any_of(options_, [&](const OptionSpec& option) {
    return option.without_config && given.given(option.name) &&
           (option.type != OptionType::flag || given.flag(option.name));
  });
  const bool wanted = verb_ == nullptr || verb_->config == ConfigNeed::required;
  const bool printing = given.flag("print-config");
  std::string path = given.text("config");
  const bool needless = freed || (verb_ != nullptr && verb_->config == ConfigNeed::none);
  if (needless && !printing && path.empty()) {
    return;
  }
  if (path.empty()) {
    path = "crossover.yaml";
    if (!std::filesystem::exists(path)) {
      if (!wanted && !printing) {
        return;
      }
      throw Error(ErrorKind::usage, "unable to read 'crossover.yaml': No such file or directory",
                  "give the configuration with --config FILE, or run in its folder");
    }
  }
  config_ = config::load(path, overrides(values_, options_));
  adopt(values_, options_, *config_);
}

void Session::perform(const Run& body) {
  result_.emplace(spec_.name, verb_->name);
  const Options options(values_);
  const auto log = make_log(screen_, options.text("log-level"), surroundings_.colour_err());
  ScreenProgress progress(screen_, *log, clock_);
  TaskContext context(
      {.task = spec_.name,
       .verb = verb_->name,
       .options = options,
       .config = config_ ? &*config_ : nullptr,
       .log = log.get(),
       .progress = &progress,
       .clock = &clock_,
       .stop = &stop_,
       .result = &*result_,
       .terminal = surroundings_.terminal_in && surroundings_.terminal_err,
       .ask = [this](const Plan& plan, std::string_view question) { return ask(plan, question); },
       .run_id = options.given("run-id") ? options.text("run-id") : random_id()});
  body(context);
  raw_ = context.raw_output();
}

/// One line from stdin; nothing at its end or when the process is asked to stop.
std::optional<std::string> Session::read_answer() {
  std::string answer;
  while (!stop_.requested()) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, 200) <= 0) {
      continue;
    }
    char letter = '\0';
    const ssize_t got = ::read(STDIN_FILENO, &letter, 1);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return std::nullopt;
    }
    if (got > 0 && letter == '\n') {
      return answer;
    }
    if (got > 0) {
      answer += letter;
    }
  }
  return std::nullopt;
}

bool Session::ask(const Plan& plan, std::string_view question) {
  const Table table = plan_table(plan);
  screen_.print(fmt::format("{}\n{}\nplan sha256: {}\n{} [y/N] ", table.title, aligned(table),
                            plan.sha256(), question));
  const auto answer = read_answer();
  stop_.throw_if_requested();
  return answer == "y" || answer == "Y" || answer == "yes";
}

bool Session::as_json() const {
  return format_ == "json" || (format_ != "text" && !surroundings_.terminal_out);
}

void Session::show(const Error& error) {
  const bool colour = surroundings_.colour_err();
  std::string text = fmt::format("{}error:{} {}\n", colour ? "\x1b[31m" : "",
                                 colour ? "\x1b[0m" : "", error.text());
  if (!error.hint().empty()) {
    text += fmt::format("HINT: {}\n", error.hint());
  }
  if (surroundings_.variable("GITHUB_ACTIONS") == "true") {
    text += github_annotation(title(), error.text());
  }
  screen_.set_bottom({});
  screen_.print(text);
}

/// Writes what the run ends with. Nothing of it may hide how the run itself ended.
int Session::report(std::optional<Error> error) {
  if (error) {
    show(*error);
    raw_.reset();
  }
  const bool ran = result_.has_value();
  if (!ran) {
    result_.emplace(spec_.name, verb_ == nullptr ? std::string() : verb_->name);
  }
  const auto dry = values_.find("dry-run");
  result_->finish(error ? &*error : nullptr, dry != values_.end() && !dry->second.texts.empty() &&
                                                 dry->second.texts.back() == "true");
  const auto attempt = [&](const std::function<void()>& write) {
    try {
      write();
    } catch (const Error& failure) {
      if (!error || error->text() != failure.text()) {  // what ended the run may show up again here
        show(failure);
      }
      error = error ? error : std::optional(failure);
    } catch (const std::exception& failure) {
      // for example a text that is no UTF-8 in the document
      show(Error(ErrorKind::failure, fmt::format("unable to write 'result': {}", failure.what())));
      error = error ? error : std::optional(Error(ErrorKind::failure, failure.what()));
    }
  };
  const ResultPage page(*result_);
  if (ran || error) {
    attempt([&] { write_ci_outputs(*result_, page.markdown(), surroundings_); });
  }
  attempt([&] {
    const std::string document =
        raw_ ? *raw_
        : as_json()
            ? result_->to_json().dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                  "\n"
            : page.text(surroundings_.colour_out());
    files::write_all(STDOUT_FILENO, document, "standard output");
  });
  return static_cast<int>(error ? exit_code(error->kind()) : ExitCode::done);
}

}  // namespace

int run_task(int argc, char** argv, const TaskSpec& spec, const Run& run) {
  try {
    guard_process();
    Session session(spec, {argv + std::min(argc, 1), argv + argc}, Surroundings::of_process());
    return session.run(run);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: unable to run '{}': {}\n", spec.name, error.what());
    return static_cast<int>(ExitCode::failure);
  }
}

}  // namespace crossover::cli
