#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/result.h"
#include "cli/task_spec.h"
#include "config/migration.h"

namespace crossover::cli {

/// Everything that a task gets from its surroundings. Lives as long as the run.
class TaskContext {
 public:
  /// What it is made of; tests make one themselves.
  struct Parts {
    std::string task = {};
    std::string verb = {};
    Options options = {};
    const config::Migration* config = nullptr;
    Log* log = nullptr;
    Progress* progress = nullptr;
    const Clock* clock = nullptr;
    StopRequest* stop = nullptr;
    Result* result = nullptr;
    bool terminal = false;  ///< stdin and stderr are terminals
    /// Shows a plan and a question; whether the answer was yes.
    std::function<bool(const Plan&, std::string_view)> ask = {};
    std::string run_id = {};
  };
  explicit TaskContext(Parts parts) : parts_(std::move(parts)) {}

  const std::string& task() const { return parts_.task; }
  const std::string& verb() const { return parts_.verb; }
  const Options& options() const { return parts_.options; }
  bool has_config() const { return parts_.config != nullptr; }
  /// Throws Error{usage} when there is none.
  const config::Migration& config() const;
  Log& log() const { return *parts_.log; }
  Progress& progress() const { return *parts_.progress; }
  const Clock& clock() const { return *parts_.clock; }
  StopRequest& stop() const { return *parts_.stop; }
  Result& result() const { return *parts_.result; }

  bool dry_run() const;
  /// --namespace, else the configuration's (so with the next two); empty: the kubeconfig's decides.
  std::string namespace_name() const;
  /// --kubeconfig / --context, else the configuration's.
  std::string kubeconfig() const;
  std::string kube_context() const;
  /// --timeout, else `otherwise`.
  Duration timeout(Duration otherwise) const;
  /// --run-id: of the pipeline's run, else one that is made here; for evidence and owner tokens.
  const std::string& run_id() const { return parts_.run_id; }
  /// Who runs it, for the evidence: "pipeline-run/UID", "github/ACTOR", else user@host.
  std::string actor() const;

  /// Puts the plan into the result. Returns false on --dry-run: the plan is then all. Else returns
  /// true when it may run by the rule of cli/approval.h, or throws. `stored_sha256`: the hash of
  /// the run that is being resumed.
  bool confirm(const Plan& plan, std::string_view stored_sha256 = {}) const;

  /// Takes the place of the result document on stdout when the run succeeds (--render).
  void set_raw_output(std::string text) { raw_output_ = std::move(text); }
  const std::optional<std::string>& raw_output() const { return raw_output_; }

  /// Runs `body` as a phase: logged, timed, in the result's timeline, metric NAME_seconds.
  void phase(const std::string& name, const std::function<void()>& body) const;

 private:
  Parts parts_;
  std::optional<std::string> raw_output_;
};

using Run = std::function<void(TaskContext&)>;

/// The whole life of a task's process: options, configuration, signals, `run`, the one document on
/// stdout, the CI's files, the error on stderr. Returns what main returns. `run` reports through
/// TaskContext::result and fails by throwing crossover::Error.
int run_task(int argc, char** argv, const TaskSpec& spec, const Run& run);

}  // namespace crossover::cli
