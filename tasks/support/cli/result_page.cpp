#include "cli/result_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "cli/table.h"

namespace crossover::cli {
namespace {

constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view yellow = "\x1b[33m";
constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view plain = "\x1b[0m";

std::string_view colour_of(std::string_view status) {
  if (status == "done") {
    return green;
  }
  return status == "planned" ? yellow : red;
}

std::string number(const nlohmann::json& value) {
  return value.is_number_float() ? fmt::format("{:.6g}", value.get<double>()) : value.dump();
}

/// A name that can't end the line of a Mermaid chart early.
std::string chart_name(std::string_view text) {
  std::string name(text);
  std::ranges::replace_if(
      name,
      [](char letter) {
        return letter == ':' || letter == ';' || letter == '#' || letter == '\n' || letter == ',';
      },
      ' ');
  return name;
}

std::int64_t milliseconds(Clock::Wall time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

Table plan_table(const Plan& plan) {
  Table table{"plan: " + plan.goal(), {"action", "object", "detail"}, {}};
  for (const PlanStep& step : plan.steps()) {
    table.rows.push_back({step.action, step.object, step.detail});
  }
  return table;
}

std::string ResultPage::heading() const {
  return fmt::format("{}{}{}", result_.task_, result_.verb_.empty() ? "" : " ", result_.verb_);
}

std::vector<Table> ResultPage::tables() const {
  std::vector<Table> tables;
  if (result_.plan_) {
    tables.push_back(plan_table(*result_.plan_));
  }
  Table changes{"changes", {"object", "action", "detail"}, {}};
  for (const auto& change : result_.changes_) {
    changes.rows.push_back({change.object, change.action, change.detail});
  }
  Table checks{"checks", {"check", "outcome", "detail"}, {}};
  for (const auto& check : result_.checks_) {
    checks.rows.push_back({check.name, std::string(name(check.outcome)), check.detail});
  }
  Table metrics{"metrics", {"metric", "value"}, {}};
  for (const auto& [metric, value] : result_.metrics_.items()) {
    metrics.rows.push_back({metric, number(value)});
  }
  tables.push_back(std::move(changes));
  tables.push_back(std::move(checks));
  tables.insert(tables.end(), result_.tables_.begin(), result_.tables_.end());
  tables.push_back(std::move(metrics));
  std::erase_if(tables, [](const Table& table) { return table.rows.empty(); });
  return tables;
}

std::string ResultPage::text(bool colour) const {
  std::string page =
      fmt::format("{}: {}{}{}, {}\n", heading(), colour ? colour_of(result_.status_) : "",
                  result_.status_, colour ? plain : "", result_.changed_ ? "changed" : "unchanged");
  for (const Table& table : tables()) {
    page += fmt::format("\n{}\n{}", table.title, aligned(table));
  }
  if (!result_.plan_sha256_.empty()) {
    page += fmt::format("\nplan sha256: {}\n", result_.plan_sha256_);
  }
  return page;
}

std::string ResultPage::timeline() const {
  if (result_.phases_.empty()) {
    return {};
  }
  std::string chart =
      fmt::format("\n```mermaid\ngantt\n  dateFormat x\n  axisFormat %H:%M:%S\n  section {}\n",
                  chart_name(heading()));
  for (const PhaseRecord& phase : result_.phases_) {
    const std::int64_t start = milliseconds(phase.start);
    // A bar without width is not drawn.
    const std::int64_t end = std::max(milliseconds(phase.end), start + 1);
    chart += fmt::format("  {} :{}, {}\n", chart_name(phase.name), start, end);
  }
  return chart + "```\n";
}

std::string ResultPage::markdown() const {
  std::string page = fmt::format("### {}: {}, {}\n", heading(), result_.status_,
                                 result_.changed_ ? "changed" : "unchanged");
  if (!result_.error_.is_null()) {
    page += fmt::format("\n```\n{}\n```\n", result_.error_.value("message", ""));
  }
  for (const Table& table : tables()) {
    page += fmt::format("\n**{}**\n\n{}", table.title, cli::markdown(table));
  }
  if (!result_.plan_sha256_.empty()) {
    page += fmt::format("\nplan sha256: `{}`\n", result_.plan_sha256_);
  }
  return page + timeline();
}

}  // namespace crossover::cli
