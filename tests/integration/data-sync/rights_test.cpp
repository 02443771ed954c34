// Which database roles can run a migration, on each version: docs/rights.md shows what is seen
// here.
#include <cstdlib>
#include <sstream>

#include "integration/data-sync/mover.h"
#include "integration/data-sync/switching.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Direction;
using sync::Side;

/// How the role comes to its rights: statements for either server, as its superuser.
struct Setup {
  std::string name;
  std::string sql;
  bool parameter = true;  ///< may set session_replication_role, where that can be granted
};

constexpr const char* forced =
    "ALTER TABLE public.role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
    "CREATE POLICY of_writer ON public.role TO writer USING (true); ";

const std::vector<Setup>& setups() {
  static const std::vector<Setup> all = {
      {"a superuser", "ALTER ROLE mover SUPERUSER", false},
      {"the owner of database and tables, with SET on session_replication_role and "
       "pg_read_all_stats",
       "REASSIGN OWNED BY keeper TO mover; GRANT pg_read_all_stats TO mover"},
      {"a member of the owner, with SET on session_replication_role and pg_read_all_stats",
       "GRANT keeper TO mover; GRANT pg_read_all_stats TO mover"},
      {"a member of the owner, with SET on session_replication_role", "GRANT keeper TO mover"},
      {"a member of the owner", "GRANT keeper TO mover", false},
      {"a member of the owner that does not inherit its rights, with SET on "
       "session_replication_role and CREATE on the database",
       "ALTER ROLE mover NOINHERIT; GRANT keeper TO mover; GRANT CREATE ON DATABASE app TO mover"},
      {"all privileges on tables and database, with SET on session_replication_role",
       "GRANT ALL ON DATABASE app TO mover; GRANT ALL ON ALL TABLES IN SCHEMA public TO mover; "
       "GRANT "
       "ALL ON ALL SEQUENCES IN SCHEMA public TO mover"},
      {"a member of the owner of all but one table, with SET on session_replication_role",
       "GRANT keeper TO mover; CREATE ROLE clerk; ALTER TABLE public.tree OWNER TO clerk"},
      {"a member of the owner of the tables only, with SET on session_replication_role",
       "ALTER DATABASE app OWNER TO postgres; GRANT keeper TO mover"},
      {"a member of the owner of the tables only, with SET on session_replication_role and CREATE "
       "on the database, where PUBLIC has no TEMPORARY",
       "ALTER DATABASE app OWNER TO postgres; GRANT keeper TO mover; "
       "GRANT CREATE ON DATABASE app TO mover; REVOKE TEMPORARY ON DATABASE app FROM PUBLIC"},
      {"a member of the owner, which row security binds too, with SET on session_replication_role",
       std::string(forced) + "GRANT keeper TO mover"},
      {"a member of the owner, which row security binds too, with SET on session_replication_role, "
       "pg_read_all_stats and BYPASSRLS",
       std::string(forced) +
           "GRANT keeper TO mover; GRANT pg_read_all_stats TO mover; ALTER ROLE mover BYPASSRLS"}};
  return all;
}

/// A whole migration under load, by that role.
void migrate(const Mover& mover) {
  const Place& place = mover.place;
  World& world = mover.world;
  Writers writers(world.old_server, 2);
  place.run(0, {"start"});
  place.run(0, {"verify"});
  place.run(0, {"start", "--reverse"});
  carry_the_rest(place, writers);
  switch_databases(world, AsMover(world.old_server), AsMover(world.new_server));
  Writers later(world.new_server, 2);
  place.run(0, {"verify", "--reverse"});
  later.stop();
  CHECK(later.last_failure().empty());
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  CHECK(world.equal_by_sql());
  CHECK(later.differences(world.old_db) == std::vector<std::string>{});
  place.run(0, {"finish"});
  place.run(0, {"remove", "--open-closed-side"});
}

/// "works", or the reasons of the preflight, which then has touched nothing.
std::string outcome_of(const Setup& setup, int version) {
  // The other side is never what stands in the way: there everything can be granted.
  World world(version, version == 17 ? 18 : 17);
  const Mover mover(world);
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    Mover::run(*server, setup.sql);
    if (setup.parameter) {
      Mover::give_parameter(*server);
    }
  }
  const process::Outcome looked = mover.place.start({"preflight", "--watch", "1ms"});
  INFO(looked.err);
  const bool refused = looked.exit_code != 0;
  std::string said;
  for (const std::string& text : checks(json::parse(looked.out), refused ? "fail" : "warn")) {
    constexpr std::string_view old_database = "old database: ";
    if (text.starts_with(old_database)) {
      said += (said.empty() ? "" : "; ") + text.substr(old_database.size());
    }
  }
  if (!refused) {
    migrate(mover);
    return said.empty() ? "works" : "works, but " + said;
  }
  CHECK(looked.exit_code == 3);
  CHECK_FALSE(said.empty());
  mover.place.run(3, {"start"});
  CHECK(mover.untouched());
  return "refused: " + said;
}

const std::filesystem::path& document() {
  static const std::filesystem::path path =
      std::filesystem::path(CROSSOVER_SOURCE_DIR) / "docs/rights.md";
  return path;
}

/// What was seen from one version up to another.
struct Seen {
  int first;
  int last;
  std::string outcome;
};

std::string lines_of(const Setup& setup, const std::vector<Seen>& all) {
  std::string lines;
  for (const Seen& seen : all) {
    lines +=
        fmt::format("| {} | {}{} | {} |\n", setup.name, seen.first,
                    seen.last == seen.first ? "" : fmt::format(" to {}", seen.last), seen.outcome);
  }
  return lines;
}

/// What the document says of a role at a version.
std::string written_of(const std::string& text, const Setup& setup, int version) {
  std::istringstream lines(text);
  const std::string start = fmt::format("| {} | ", setup.name);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(start)) {
      continue;
    }
    std::istringstream rest(line.substr(start.size()));
    int first = 0;
    std::string word;
    rest >> first >> word;
    int last = first;
    if (word == "to") {
      rest >> last >> word;
    }
    if (first <= version && version <= last) {
      std::getline(rest >> std::ws, word);
      return word.substr(0, word.size() - std::string_view(" |").size());
    }
  }
  return "nothing";
}

}  // namespace

// CROSSOVER_RIGHTS_FILE=docs/rights.md with CROSSOVER_TEST_VERSIONS="12 13 14 15 16 17 18" writes
// the table anew.
TEST_CASE("what each role may do is what docs/rights.md says") {
  std::vector<int> versions = {12, 15};
  if (const char* wanted = std::getenv("CROSSOVER_TEST_VERSIONS")) {
    std::istringstream words(wanted);
    versions.assign(std::istream_iterator<int>(words), {});
  }
  const char* const file = std::getenv("CROSSOVER_RIGHTS_FILE");
  const std::string written = files::read(document());
  std::string table;
  for (const Setup& setup : setups()) {
    std::vector<Seen> all;
    for (const int version : versions) {
      CAPTURE(version, setup.name);
      const std::string outcome = outcome_of(setup, version);
      if (file == nullptr) {
        CHECK(outcome == written_of(written, setup, version));
      }
      if (all.empty() || all.back().outcome != outcome) {
        all.push_back({version, version, outcome});
      }
      all.back().last = version;
    }
    table += lines_of(setup, all);
  }
  if (file != nullptr) {
    const std::string text = files::read(file);
    const std::string head = "|:---|:---|---|\n";
    files::write_atomically(file, text.substr(0, text.find(head) + head.size()) + table);
  }
}
