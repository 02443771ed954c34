#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cli/plan.h"

namespace crossover::cli {

enum class CheckOutcome { pass, fail, warn, skip };
std::string_view name(CheckOutcome outcome);

/// Rows for people, printed below the result as an aligned table; in JSON under "tables".
struct Table {
  std::string title = {};
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};
};

/// A part of the run with its place in time, for the timeline of a summary.
struct PhaseRecord {
  std::string name = {};
  Clock::Wall start = {};
  Clock::Wall end = {};
};

/// What a run did: the one document on stdout. Filled while the task runs, so that a failure shows
/// what was done before it. Not thread-safe: fill it from the task's main thread.
class Result {
 public:
  Result(std::string task, std::string verb) : task_(std::move(task)), verb_(std::move(verb)) {}

  /// Something (ours) is no longer what it was. add_change implies it.
  void set_changed(bool changed) { changed_ = changed; }
  /// "networkpolicy/api-to-db", "created", "allows registry-api-flyway on 5432".
  void add_change(std::string object, std::string action, std::string detail = {});
  void add_check(std::string name, CheckOutcome outcome, std::string detail = {});
  /// Names carry their unit: "copy_seconds", "rows_copied".
  void set_metric(const std::string& name, double value);
  void set_metric(const std::string& name, std::int64_t value);
  void add_table(Table table) { tables_.push_back(std::move(table)); }
  void add_phase(PhaseRecord phase) { phases_.push_back(std::move(phase)); }
  /// A member of the task's own part of the document, {"report": {KEY: VALUE}}.
  void set_report(const std::string& key, nlohmann::json value);
  /// The plan and its hash.
  void set_plan(Plan plan);
  void set_plan_sha256(std::string sha256) { plan_sha256_ = std::move(sha256); }
  /// Overrides the word that the end of the run gives: done, planned, failed, refused, locked,
  /// timed-out, rolled-back, cancelled.
  void set_status(std::string status) { status_ = std::move(status); }

  bool changed() const { return changed_; }
  bool failed_checks() const;
  const std::string& plan_sha256() const { return plan_sha256_; }
  /// Throws Error{conflict} `unable to VERB 'WHAT': 2 of 7 checks failed` when a check failed.
  void throw_if_check_failed(std::string_view verb, std::string_view what) const;

  /// How the run ended; called by run_task. `planned`: it was a dry run.
  void finish(const Error* error, bool planned = false);

  /// The document: {task, verb, status, changed, changes, checks, metrics, plan_sha256?, plan?,
  /// tables?, phases?, report?, error?}.
  /// For people: cli/result_page.h.
  nlohmann::ordered_json to_json() const;
  const std::string& status() const { return status_; }

 private:
  friend class ResultPage;
  struct Change {
    std::string object;
    std::string action;
    std::string detail;
  };
  struct Check {
    std::string name;
    CheckOutcome outcome;
    std::string detail;
  };

  std::string task_;
  std::string verb_;
  std::string status_;
  bool changed_ = false;
  std::vector<Change> changes_;
  std::vector<Check> checks_;
  nlohmann::json metrics_ = nlohmann::json::object();
  nlohmann::json report_;
  nlohmann::json error_;
  std::vector<Table> tables_;
  std::vector<PhaseRecord> phases_;
  std::optional<Plan> plan_;
  std::string plan_sha256_;
};

}  // namespace crossover::cli
