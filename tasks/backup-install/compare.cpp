#include <fmt/format.h>

#include "backup-install/check.h"
#include "base/error.h"

namespace crossover::backup_install {

namespace {

using cli::CheckOutcome;

void compare_table(const std::string& table, const Content& before, const Content& after,
                   const Content& restored, cli::Result& result) {
  if (restored == before || restored == after) {
    result.add_check("table " + table, CheckOutcome::pass, fmt::format("{} rows", restored.rows));
    return;
  }
  if (before != after) {
    const bool whole = restored.rows >= after.stayed;
    result.add_check("table " + table, whole ? CheckOutcome::warn : CheckOutcome::fail,
                     fmt::format("{} rows{}; was written while the backup was made: {} have stood "
                                 "unchanged meanwhile, and are all that could be counted on",
                                 restored.rows, whole ? "" : " in the backup", after.stayed));
    return;
  }
  result.add_check(
      "table " + table, CheckOutcome::fail,
      restored.rows == after.rows
          ? fmt::format("{} rows, but they differ", restored.rows)
          : fmt::format("{} rows in the backup, {} in the database", restored.rows, after.rows));
}

}  // namespace

std::string backup_file(const std::string& output, const std::string& directory) {
  constexpr std::string_view code = "Status Code:";
  if (const std::size_t at = output.rfind(code); at != std::string::npos) {
    const std::size_t digit = output.find_first_not_of(' ', at + code.size());
    if (digit == std::string::npos || output[digit] != '0') {
      throw Error(ErrorKind::failure,
                  fmt::format("unable to make 'a backup': {}",
                              output.substr(at, output.find('\n', at) - at)),
                  "see the log of the backup's pod");
    }
  }
  const std::string prefix = directory + "/";
  for (std::size_t at = output.rfind(prefix); at != std::string::npos;
       at = at == 0 ? std::string::npos : output.rfind(prefix, at - 1)) {
    // Colours and quotes may stand around it.
    const std::size_t end = std::min(output.find_first_of(" \t\r\n'\"\x1b", at), output.size());
    if (end > at + prefix.size()) {
      return output.substr(at, end - at);
    }
  }
  throw Error(
      ErrorKind::failure,
      fmt::format("unable to find 'the backup': the command names no file in '{}'", directory),
      "set backup.check.command and backup.check.directory to what the chart uses");
}

void compare(const Contents& before, const Contents& after, const Contents& restored,
             cli::Result& result) {
  for (const auto& [table, content] : after) {
    const auto was = before.find(table);
    const auto found = restored.find(table);
    if (found == restored.end()) {
      const bool fresh = was == before.end();
      result.add_check("table " + table, fresh ? CheckOutcome::warn : CheckOutcome::fail,
                       fresh ? "was made after the backup" : "is not in the backup");
    } else {
      compare_table(table, was == before.end() ? content : was->second, content, found->second,
                    result);
    }
  }
}

}  // namespace crossover::backup_install
