#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/result.h"
#include "cli/task.h"

namespace crossover::backup_install {

/// Makes a backup in the backup's pod, restores it into a scratch database on the new server, and
/// compares every table with the live one. The scratch database is gone afterwards. Throws
/// Error{conflict} when a table differs.
void check(cli::TaskContext& context);

/// The file that a backup command says it wrote: the last word of its output that begins with
/// `directory`/. Throws Error{failure} where it says none, or a status code other than 0. Pure.
std::string backup_file(const std::string& output, const std::string& directory);

/// Rows of a table: how many, and a sum over a hash of each that does not depend on their order.
struct Content {
  std::int64_t rows = 0;
  std::string hash;
  std::int64_t stayed = 0;  ///< how many of them nobody has written since an earlier look
  bool operator==(const Content& other) const { return rows == other.rows && hash == other.hash; }
};
using Contents = std::map<std::string, Content>;

/// A check for each table of the live database. What was written while the backup was made
/// (`before` and `after` differ) cannot be compared row by row: rows come and go, so not even their
/// number is known. But those that have `stayed` from before to after are in every whole backup.
/// Pure.
void compare(const Contents& before, const Contents& after, const Contents& restored,
             cli::Result& result);

}  // namespace crossover::backup_install
