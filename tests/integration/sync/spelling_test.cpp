// One expression that two versions show in different ways.
#include "sync/spelling.h"

#include <catch2/catch.hpp>

#include "sync/catalogue.h"
#include "sync/compare.h"
#include "sync/selection.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

constexpr const char* spelled_schema = R"(
CREATE DOMAIN public.trimmed AS text NOT NULL CHECK (trim(VALUE) = VALUE);
CREATE TABLE public.spelled (id int PRIMARY KEY, name text CHECK (trim(name) <> '') NO INHERIT,
  "At" timestamp, year int GENERATED ALWAYS AS (extract(year FROM "At")) STORED, head public.trimmed,
  CHECK (position('|' IN name) = 0 AND substring(head FROM 1 FOR 2) <> ')'));
)";

/// The errors of a preflight, each side having `spelled_schema` and something more.
std::vector<std::string> structure_errors(World& world, const std::string& only_old,
                                          const std::string& only_new) {
  postgres::Session old_side = world.old_db.open("test");
  postgres::Session new_side = world.new_db.open("test");
  old_side.batch(spelled_schema + only_old);
  new_side.batch(spelled_schema + only_new);
  const Catalogue before = read_catalogue(old_side, {"public"});
  Catalogue after = read_catalogue(new_side, {"public"});
  Findings findings;
  const auto tables = select_tables(before, config::Sync{}, "", findings);
  match_spelling(old_side, before, new_side, after);
  std::vector<std::string> texts;
  for (const Finding& finding : compare_structure(before, after, tables)) {
    if (finding.level == Finding::Level::error) {
      texts.push_back(finding.object + " " + finding.text);
    }
  }
  return texts;
}

}  // namespace

TEST_CASE("what two versions only show in different ways is the same") {
  const auto [old_version, new_version] = GENERATE(std::pair(13, 14), std::pair(18, 12));
  CAPTURE(old_version, new_version);
  World world(old_version, new_version);
  CHECK(structure_errors(world, "", "") == std::vector<std::string>{});
}

TEST_CASE("what another version shows in another way and is another expression stays one") {
  World world(13, 17);
  CHECK(structure_errors(world,
                         "CREATE TABLE public.other (id int PRIMARY KEY, at timestamp, v text,"
                         "part int GENERATED ALWAYS AS (extract(year FROM at)) STORED, "
                         "CHECK (trim(v) <> ''));",
                         "CREATE TABLE public.other (id int PRIMARY KEY, at timestamp, v text,"
                         "part int GENERATED ALWAYS AS (extract(month FROM at)) STORED, "
                         "CHECK (trim(v) <> ' '));") ==
        std::vector<std::string>{
            "table public.other column 'part' is generated as date_part('year'::text, at) in the "
            "old and as EXTRACT(month FROM at) in the new database",
            "table public.other has the constraint CHECK ((TRIM(BOTH FROM v) <> ' '::text)) in the "
            "new database only, which may refuse rows",
            "table public.other has the constraint CHECK ((btrim(v) <> ''::text)) in the old "
            "database only, so going back may be refused"});
}

TEST_CASE("an expression that the older version cannot read stays another one") {
  World world(13, 17);
  CHECK(structure_errors(
            world, "CREATE TABLE public.other (id int PRIMARY KEY, v text CHECK (v <> ''));",
            "CREATE TABLE public.other (id int PRIMARY KEY, v text CHECK (v IS JSON));") ==
        std::vector<std::string>{
            "table public.other has the constraint CHECK ((v IS JSON)) in the new database only, "
            "which may refuse rows",
            "table public.other has the constraint CHECK ((v <> ''::text)) in the old database "
            "only, so going back may be refused"});
}
