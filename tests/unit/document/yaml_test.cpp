#include "document/yaml.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using crossover::Error;
using crossover::document::json_text;
using crossover::document::load;
using crossover::document::load_stream;
using nlohmann::json;

namespace {

json value(const std::string& text) { return load("v: " + text + "\n", "t.yaml")["v"]; }

std::string yaml_failure(std::string_view text) {
  try {
    load_stream(text, "t.yaml");
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

const std::string in_file = "unable to read 't.yaml': t.yaml:";

}  // namespace

TEST_CASE("scalars mean what go-yaml v2 takes them for") {
  const std::vector<std::pair<std::string, json>> table{
      {"y", true},
      {"Off", false},
      {"yEs", "yEs"},
      {"~", nullptr},
      {"''", ""},
      {"0644", 420},
      {"-0x1F", -31},
      {"0o17", 15},
      {"0b101", 5},
      {"0b-101", -5},
      {"08", 8},
      {"1_000", 1000},
      {"0xZ", "0xZ"},
      {"9223372036854775807", 9223372036854775807},
      {"9223372036854775808", 9223372036854775808.0},
      {"+1", 1},
      {"1e3", 1000},
      {"1.", 1},
      {".5", 0.5},
      {".1_0", 0.1},
      {"._1", "._1"},
      {"1e400", "1e400"},
      {"1e-400", 0},
      {"4611686018427387904.0", 4611686018427388000},
      {"12:30", "12:30"},
      {"2001-01-01", "2001-01-01"},
      {"!!str 12", "12"},
      {"!!int '3'", 3},
      {"! 12", "12"},
      {"!!float 3", 3},
      {"!mine 12", "12"},
      {"!!binary aGk=", "hi"},
      {"\"it\\'s \\'\"", "it's '"},
      {"[a:, b]", {"a:", "b"}},
      {"!!timestamp 2001-01-01", "2001-01-01"}};
  for (const auto& [text, wanted] : table) {
    CAPTURE(text);
    CHECK(value(text) == wanted);
    CHECK(value(text).type_name() == std::string(wanted.type_name()));
  }
}

TEST_CASE("keys become their text, merges stand where they are, the last of equal keys wins") {
  CHECK(load("{yes: 1, 0x10: 2, 1.50: 3, 1e6: 4, 2001-01-01: 5}", "t") ==
        json({{"true", 1}, {"16", 2}, {"1.5", 3}, {"1e+06", 4}, {"2001-01-01", 5}}));
  CHECK(load("a: &a {p: 1, q: 2}\nb: {p: 3, <<: *a, q: 4}\n", "t")["b"] ==
        json({{"p", 1}, {"q", 4}}));
  CHECK(load("a: &a {p: 1}\nb: {<<: [*a, {p: 9, r: 9}]}\n", "t")["b"] ==
        json({{"p", 1}, {"r", 9}}));
  CHECK(load("a: 1\na: 2\n", "t") == json({{"a", 2}}));
  CHECK(load("'<<': 1\n", "t") == json({{"<<", 1}}));
}

TEST_CASE("broken documents are refused with file and line") {
  CHECK(yaml_failure("a: 1\nb: \"\\q\"\n") == in_file + "2: found unknown escape character");
  CHECK(yaml_failure("a: \"\\/\"\n") == in_file + "1: found unknown escape character");
  CHECK(yaml_failure("a: 1\n---\nb: *x\n") == in_file + "3: unknown anchor 'x' referenced");
  CHECK(yaml_failure("a: &a [*a]\n") == in_file + "1: anchor 'a' value contains itself");
  CHECK(yaml_failure("a: .nan\n") == in_file + "1: unsupported value: NaN");
  CHECK(yaml_failure("? [a]\n: 1\n") == in_file + "1: invalid map key: only a scalar can be one");
  CHECK(yaml_failure("~: 1\n") == in_file + "1: unsupported map key '~'");
  CHECK(yaml_failure("<<: 3\n") ==
        in_file + "1: map merge requires map or sequence of maps as the value");
  CHECK(yaml_failure("a: !!int x\n") == in_file + "1: cannot decode a !!str as a !!int");
  CHECK(yaml_failure("a: !!binary \"a\"\n") ==
        in_file + "1: !!binary value contains invalid base64 data");
  CHECK(yaml_failure("a: 1\n--- b\n") ==
        in_file + "2: only a comment may follow '---' on its line");
  CHECK(yaml_failure("{\"a\": 1,\n \"b\": [1,]]\n").starts_with(in_file + "2: "));
  CHECK(yaml_failure("a: \xFF\n").starts_with(in_file + "1: "));
  CHECK(yaml_failure(std::string(9U << 20U, ' ')) == "unable to read 't.yaml': larger than 8 MiB");
}

TEST_CASE("depth and aliases are bounded") {
  CHECK(load_stream(std::string(900, '[') + std::string(900, ']'), "t").size() == 1);
  CHECK(yaml_failure(std::string(5000, '[')) == in_file + "1: nested more than 1000 deep");
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "{\"a\":";
  CHECK(yaml_failure(deep).find("nested more than 1000 deep") != std::string::npos);
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 8; ++j) bomb += "," + last;
    bomb += "]\n";
  }
  CHECK(yaml_failure(bomb).find("document contains excessive aliasing") != std::string::npos);
}

TEST_CASE("a stream is divided as kubectl divides it") {
  CHECK(load_stream("---\na: 1\n---\n# none\n--- # why\nb: 2\r\n", "t") ==
        std::vector<json>{{{"a", 1}}, {{"b", 2}}});
  CHECK(load_stream("{\"a\":1} {\"b\":2}\n{\"c\":3}", "t").size() == 3);
  CHECK(load_stream("{\"a\":1}\n---\nb: 2\n", "t").size() == 2);
  CHECK(load_stream("{a: 1}\n", "t") == std::vector<json>{{{"a", 1}}});
  CHECK(load_stream("{\"a\": \"\\ud800\\ud83d\\ude00\"}", "t")[0]["a"] == "\uFFFD😀");
  CHECK(load_stream("\xEF\xBB\xBF{\"a\": 1}", "t").size() == 1);
  CHECK(load_stream("a: |+\n  x", "t")[0]["a"] == "x\n");
  CHECK_THROWS_WITH(load("", "t"), "unable to read 't': it holds no document, not one document");
}

TEST_CASE("JSON is written with the shortest form of each float") {
  CHECK(json_text({{"a", 1}}) == "{\n  \"a\": 1\n}\n");
  CHECK(json_text(json::array({json::object(), json::array(), {{"k", {1, "x"}}}})) ==
        "[\n  {},\n  [],\n  {\n    \"k\": [\n      1,\n      \"x\"\n    ]\n  }\n]\n");
  CHECK(json_text(json::array({824833.49669, 9.1306e-3, 1.746114328e20, 0.0, 1e-7, 2.5})) ==
        "[\n  824833.49669,\n  0.0091306,\n  1.746114328e+20,\n  0,\n  1e-07,\n  2.5\n]\n");
  CHECK(json_text("a\xFF\"") == "\"a\uFFFD\\\"\"\n");
}
