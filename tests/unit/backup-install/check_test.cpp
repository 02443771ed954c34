#include "backup-install/check.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace crossover;  // the namespaces under test
using backup_install::backup_file;

namespace {

nlohmann::ordered_json checks(const backup_install::Contents& before,
                              const backup_install::Contents& after,
                              const backup_install::Contents& restored) {
  cli::Result result("backup-install", "check");
  backup_install::compare(before, after, restored, result);
  return result.to_json().at("checks");
}

}  // namespace

TEST_CASE("a backup command names its file among other words") {
  CHECK(backup_file("Backup: /backups/a.sql.gz\nStatus Code: 0\n", "/backups") ==
        "/backups/a.sql.gz");
  CHECK(backup_file("/backups/a.sql.gz", "/backups") == "/backups/a.sql.gz");
  CHECK(backup_file("removing /backups/old.gz\n\x1b[32m/backups/daily/new.gz\x1b[0m kept\n",
                    "/backups") == "/backups/daily/new.gz");
}

TEST_CASE("a backup command that failed, or names no file, is an error") {
  const auto text = [](const std::string& output) {
    try {
      return backup_file(output, "/backups");
    } catch (const Error& error) {
      return error.text();
    }
  };
  CHECK(text("Backup: /backups/a\nStatus Code: 1\nbye\n") ==
        "unable to make 'a backup': Status Code: 1");
  CHECK(text("done\n") == "unable to find 'the backup': the command names no file in '/backups'");
  CHECK(text("/backups/") ==
        "unable to find 'the backup': the command names no file in '/backups'");
}

TEST_CASE("a table at rest must be restored to the row") {
  const backup_install::Contents live = {{"public.a", {3, "77"}}};
  CHECK(checks(live, live, live)[0]["outcome"] == "pass");
  const auto differ = checks(live, live, {{"public.a", {3, "78"}}});
  CHECK(differ[0]["outcome"] == "fail");
  CHECK(differ[0]["detail"] == "3 rows, but they differ");
  CHECK(checks(live, live, {{"public.a", {2, "70"}}})[0]["detail"] ==
        "2 rows in the backup, 3 in the database");
  CHECK(checks(live, live, {})[0]["detail"] == "is not in the backup");
}

TEST_CASE("of a table that is written meanwhile those rows must be there that have stayed") {
  const backup_install::Contents before = {{"public.a", {5, "77"}}};
  const backup_install::Contents after = {{"public.a", {6, "99", 3}}};
  CHECK(checks(before, after, before)[0]["outcome"] == "pass");
  CHECK(checks(before, after, after)[0]["outcome"] == "pass");
  // Rows go as well as come, so there may have been fewer than before and after.
  const auto fewer = checks(before, after, {{"public.a", {3, "80"}}});
  CHECK(fewer[0]["outcome"] == "warn");
  CHECK(fewer[0]["detail"] ==
        "3 rows; was written while the backup was made: 3 have stood unchanged meanwhile, and are "
        "all that could be counted on");
  const auto lost = checks(before, after, {{"public.a", {2, "80"}}});
  CHECK(lost[0]["outcome"] == "fail");
  CHECK(lost[0]["detail"] ==
        "2 rows in the backup; was written while the backup was made: 3 have stood unchanged "
        "meanwhile, and are all that could be counted on");
  CHECK(checks({}, after, {})[0]["outcome"] == "warn");
}
