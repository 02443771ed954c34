#include "cli/result.h"

#include <fmt/format.h>

#include <algorithm>

namespace crossover::cli {
namespace {

std::string_view status_of(const Error* error, bool planned) {
  if (error == nullptr) {
    return planned ? "planned" : "done";
  }
  switch (error->kind()) {
    case ErrorKind::usage:
    case ErrorKind::precondition:
      return "refused";
    case ErrorKind::locked:
      return "locked";
    case ErrorKind::timeout:
      return "timed-out";
    case ErrorKind::rolled_back:
      return "rolled-back";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::failure:
    case ErrorKind::conflict:
      break;
  }
  return "failed";
}

nlohmann::json describe(const Error& error) {
  nlohmann::json document{{"kind", name(error.kind())}, {"message", error.message()}};
  if (!error.hint().empty()) {
    document["hint"] = error.hint();
  }
  if (!error.context().empty()) {
    document["context"] = error.context();
  }
  if (!error.sqlstate().empty()) {
    document["sqlstate"] = error.sqlstate();
  }
  if (error.http_status() != 0) {
    document["http_status"] = error.http_status();
  }
  return document;
}

nlohmann::ordered_json describe(const Table& table) {
  return {{"title", table.title}, {"columns", table.columns}, {"rows", table.rows}};
}

}  // namespace

std::string_view name(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::pass:
      return "pass";
    case CheckOutcome::fail:
      return "fail";
    case CheckOutcome::warn:
      return "warn";
    case CheckOutcome::skip:
      break;
  }
  return "skip";
}

void Result::add_change(std::string object, std::string action, std::string detail) {
  changed_ = true;
  changes_.push_back({std::move(object), std::move(action), std::move(detail)});
}

void Result::add_check(std::string check, CheckOutcome outcome, std::string detail) {
  checks_.push_back({std::move(check), outcome, std::move(detail)});
}

void Result::set_metric(const std::string& metric, double value) { metrics_[metric] = value; }

void Result::set_metric(const std::string& metric, std::int64_t value) { metrics_[metric] = value; }

void Result::set_report(const std::string& key, nlohmann::json value) {
  report_[key] = std::move(value);
}

void Result::set_plan(Plan plan) {
  plan_sha256_ = plan.sha256();
  plan_ = std::move(plan);
}

bool Result::failed_checks() const {
  return std::ranges::any_of(
      checks_, [](const Check& check) { return check.outcome == CheckOutcome::fail; });
}

void Result::throw_if_check_failed(std::string_view verb, std::string_view what) const {
  const auto failed = std::ranges::count(checks_, CheckOutcome::fail, &Check::outcome);
  if (failed > 0) {
    throw Error(ErrorKind::conflict,
                fmt::format("unable to {} '{}': {} of {} checks failed", verb, what, failed,
                            checks_.size()),
                "see the failed checks in the result");
  }
}

void Result::finish(const Error* error, bool planned) {
  if (status_.empty() || error != nullptr) {
    status_ = status_of(error, planned);
  }
  if (error != nullptr) {
    error_ = describe(*error);
  }
}

nlohmann::ordered_json Result::to_json() const {
  nlohmann::ordered_json document{
      {"task", task_}, {"verb", verb_}, {"status", status_}, {"changed", changed_}};
  document["changes"] = nlohmann::ordered_json::array();
  for (const Change& change : changes_) {
    nlohmann::ordered_json entry{{"object", change.object}, {"action", change.action}};
    if (!change.detail.empty()) {
      entry["detail"] = change.detail;
    }
    document["changes"].push_back(std::move(entry));
  }
  document["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : checks_) {
    nlohmann::ordered_json entry{{"name", check.name}, {"outcome", name(check.outcome)}};
    if (!check.detail.empty()) {
      entry["detail"] = check.detail;
    }
    document["checks"].push_back(std::move(entry));
  }
  document["metrics"] = metrics_;
  if (!plan_sha256_.empty()) {
    document["plan_sha256"] = plan_sha256_;
  }
  if (plan_) {
    document["plan"] = plan_->to_json();
  }
  for (const Table& table : tables_) {
    document["tables"].push_back(describe(table));
  }
  for (const PhaseRecord& phase : phases_) {
    document["phases"].push_back(nlohmann::ordered_json{
        {"name", phase.name}, {"start", rfc3339(phase.start)}, {"end", rfc3339(phase.end)}});
  }
  if (!report_.is_null()) {
    document["report"] = report_;
  }
  if (!error_.is_null()) {
    document["error"] = error_;
  }
  return document;
}

}  // namespace crossover::cli
