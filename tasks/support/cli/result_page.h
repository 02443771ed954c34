#pragma once

#include <string>

#include "cli/result.h"

namespace crossover::cli {

/// A result for people: plain aligned tables for a terminal, Markdown for a summary.
class ResultPage {
 public:
  explicit ResultPage(const Result& result) : result_(result) {}
  std::string text(bool colour) const;
  std::string markdown() const;

 private:
  std::vector<Table> tables() const;
  std::string timeline() const;
  std::string heading() const;
  const Result& result_;
};

/// The plan as a table, for --dry-run and the question at the terminal.
Table plan_table(const Plan& plan);

}  // namespace crossover::cli
