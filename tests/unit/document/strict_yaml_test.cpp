#include "document/strict_yaml.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using crossover::Error;
using crossover::ErrorKind;
using crossover::document::parse_bytes;
using crossover::document::parse_duration;
using crossover::document::Reader;
using crossover::document::StrictDocument;
using namespace std::chrono_literals;

namespace {

StrictDocument parse(std::string_view text) {
  return StrictDocument::parse(text, "crossover.yaml");
}

/// Message and hint of the Error that `body` throws.
template <typename Body>
std::string said_by(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.hint().empty() ? error.message() : error.message() + " | " + error.hint();
  }
  return "no error";
}

std::string parse_failure(std::string_view text) {
  return said_by([text] { parse(text); });
}

const std::string at = "unable to read 'crossover.yaml': crossover.yaml:";

}  // namespace

TEST_CASE("typed values are read in file order with their lines") {
  const StrictDocument document = parse(
      "name: 1.20\n"
      "sync:\n"
      "  workers: 4\n"
      "  ratio: 0.5\n"
      "  on: true\n"
      "  timeout: 1h30m\n"
      "  limit: 64MiB\n"
      "  mode: merge\n"
      "  one: a\n"
      "  many: [a, 2]\n"
      "  labels: {b: x, a: 1}\n"
      "  tables:\n"
      "    - name: t\n"
      "    - name: u\n"
      "  policy:\n"
      "    p: {x: 1}\n"
      "    q:\n"
      "empty: ~\n");
  const Reader root = document.root();
  CHECK(root.string("name") == "1.20");
  CHECK_FALSE(root.string("empty"));
  CHECK_FALSE(root.string("absent"));
  const Reader sync = root.required_object("sync");
  CHECK(sync.integer("workers") == 4);
  CHECK(sync.number("ratio") == 0.5);
  CHECK(sync.boolean("on") == true);
  CHECK(sync.duration("timeout") == 90min);
  CHECK(sync.bytes("limit") == 64U << 20U);
  CHECK(sync.one_of("mode", {"replace", "merge"}) == "merge");
  CHECK(sync.strings("one") == std::vector<std::string>{"a"});
  CHECK(sync.strings("many") == std::vector<std::string>{"a", "2"});
  CHECK(sync.string_map("labels") ==
        std::vector<std::pair<std::string, std::string>>{{"b", "x"}, {"a", "1"}});
  const auto tables = sync.objects("tables");
  REQUIRE(tables.size() == 2);
  CHECK(tables[1].path() == "sync.tables[1]");
  CHECK(tables[1].required_string("name") == "u");
  CHECK(tables[0].string("name") == "t");
  const auto policies = sync.object_map("policy");
  REQUIRE(policies.size() == 2);
  CHECK(policies[0].second.json("x") == nlohmann::json(1));
  CHECK(policies[1].first == "q");
  CHECK(sync.line("limit") == 7);
  CHECK(document.line({"sync", "tables", "1", "name"}) == 14);
  CHECK(document.line({"sync", "tables", "7"}) == 0);
  root.finish();
}

TEST_CASE("what nobody asked for is an error with the nearest name") {
  const Reader root = parse("sync:\n  # why\n  tabels: []\n").root();
  const Reader sync = root.required_object("sync");
  sync.strings("tables");
  CHECK(said_by([&] { root.finish(); }) ==
        at + "3: unknown key 'tabels' in 'sync' | did you mean 'tables'?");
  const Reader other = parse("a: 1\nb: 2\n").root();
  other.allow({"b"});
  CHECK(said_by([&] { other.finish(); }) == at + "1: unknown key 'a' | did you mean 'b'?");
}

TEST_CASE("values of the wrong type are named with file, line and key path") {
  const Reader root = parse(
                          "sync:\n  workers: four\n  quoted: \"4\"\n  many: 12\n  on: yes\n"
                          "  t: 5\n  size: 1Gb\n  mode: merg\n  list: [a, [b]]\n  map: 3\n")
                          .root();
  const Reader sync = root.required_object("sync");
  CHECK(said_by([&] { sync.integer("workers"); }) ==
        at + "2: 'sync.workers' must be a whole number, not 'four'");
  CHECK(said_by([&] { sync.integer("quoted"); }) ==
        at + "3: 'sync.quoted' must be a whole number, not '4'");
  CHECK(said_by([&] { sync.integer("many", 1, 8); }) ==
        at + "4: 'sync.many' must be a whole number from 1 to 8, not '12'");
  CHECK(said_by([&] { sync.boolean("on"); }) ==
        at + "5: 'sync.on' must be true or false, not 'yes'");
  CHECK(said_by([&] { sync.duration("t"); }) ==
        at + "6: 'sync.t' must be a duration such as 500ms, 2s or 10m, not '5'");
  CHECK(said_by([&] { sync.bytes("size"); }) ==
        at + "7: 'sync.size' must be a size such as 4096, 64MiB or 1GiB, not '1Gb'");
  CHECK(said_by([&] {
          sync.one_of("mode", {"replace", "merge"});
        }) ==
        at + "8: 'sync.mode' must be one of replace, merge, not 'merg' | did you mean 'merge'?");
  CHECK(said_by([&] { sync.strings("list"); }) ==
        at + "9: 'sync.list' must be a list of strings, not a list");
  CHECK(said_by([&] { sync.object("map"); }) == at + "10: 'sync.map' must be a mapping, not '3'");
  CHECK(said_by([&] { sync.required_string("host"); }) == at + "2: 'sync.host' is missing");
}

TEST_CASE("slips in the YAML itself are refused with their line") {
  CHECK(parse_failure("a: 1\nb: 2\na: 3\n") == at + "3: duplicate key 'a'");
  CHECK(parse_failure("a:\n\tb: 1\n") == at + "2: a tab is used as indentation | use spaces");
  CHECK(parse_failure("a: 1\n---\nb: 1\n") ==
        at + "2: a second document starts here; only one is allowed");
  CHECK(parse_failure("? [a]\n: 1\n") == at + "1: a list or mapping can't be a key");
  CHECK(parse_failure("a: !x 1\n") == at + "1: tags such as '!x' are not supported");
  CHECK(parse_failure("b: &b {c: 1}\na:\n  <<: *b\n") ==
        at + "3: merge keys ('<<') are not supported | write the keys out, or use an alias for the "
             "whole value");
  CHECK(parse_failure("a: [1\nb: 2\n").starts_with(at));
  CHECK(parse_failure("{a: 1}]\n") == at + "1: did not find expected <document start>");
  CHECK(parse_failure("a: &x [*x]\n") == at + "1: nested more than 100 deep");
  std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 8; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) bomb += "," + last;
    bomb += "]\n";
  }
  CHECK(parse_failure(bomb).ends_with("more than 100000 values (aliases counted)"));
  CHECK(said_by([] { parse("- a\n").root(); }) == at + "1: it must be a mapping, not a list");
  CHECK(said_by([] { StrictDocument::load_file("/"); }) == "unable to read '/': is a directory");
}

TEST_CASE("tabs inside block scalars are text, an empty file is an empty mapping") {
  CHECK(parse("a: |\n  x:\n  \ty\nb: 1\n").json() ==
        nlohmann::json({{"a", "x:\n\ty\n"}, {"b", 1}}));
  CHECK(parse("# nothing\n").root().keys().empty());
  CHECK(parse("a: yes\nb: 010\nc: 0x1F\nd: 1e3\ne: ~\nf: 'true'\n").json() ==
        nlohmann::json(
            {{"a", "yes"}, {"b", 10}, {"c", "0x1F"}, {"d", 1e3}, {"e", nullptr}, {"f", "true"}}));
}

TEST_CASE("durations and sizes need their unit and their range") {
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("0") == 0s);
  CHECK(parse_duration("1d") == 24h);
  for (const char* wrong : {"", "5", "s", "-1s", "1.5s", "1 s", "99999999999999h", "1x"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
  CHECK(parse_bytes("4096") == 4096U);
  CHECK(parse_bytes("10MB") == 10000000U);
  for (const char* wrong : {"", "MiB", "-1", "1.5GiB", "1 GiB", "99999999999TiB", "1mb"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_bytes(wrong));
  }
}
