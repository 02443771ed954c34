#include "document/template.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "document/parameter_file.h"
#include "document/value_generator.h"
#include "document/yaml.h"

using crossover::Error;
using crossover::ErrorKind;
using crossover::document::generate_value;
using crossover::document::is_template;
using crossover::document::load;
using crossover::document::parse_parameter_file;
using crossover::document::process;
using crossover::document::ProcessOptions;
using nlohmann::json;

namespace {

json make(const std::string& text, const ProcessOptions& options = {}) {
  return process(load("apiVersion: template.openshift.io/v1\nkind: Template\n" + text, "t.yaml"),
                 "t.yaml", options)["items"];
}

std::string failure(const std::string& text, const ProcessOptions& options = {}) {
  try {
    make(text, options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.hint().empty() ? error.message() : error.message() + " | " + error.hint();
  }
  return "no error";
}

/// The first characters of an alphabet in turn.
ProcessOptions counting() {
  ProcessOptions options;
  options.random_below = [next = 0U](std::uint32_t bound) mutable { return next++ % bound; };
  return options;
}

}  // namespace

TEST_CASE("all faults of parameters are told in one error") {
  ProcessOptions options;
  options.parameters = {{"HOTS", "x"}, {"A", ""}};
  CHECK(failure("objects: []\nparameters:\n- {name: HOST}\n- {name: A, required: true}\n"
                "- {name: B, required: true}\n- {name: C, generate: uuid}\n",
                options) ==
        "unable to process template 't.yaml': unknown parameter 'HOTS'; parameter 'A' is required "
        "and has no value; parameter 'B' is required and has no value; unknown generator 'uuid' of "
        "parameter 'C' | did you mean 'HOST'?");
  options.ignore_unknown_parameters = true;
  options.parameters["A"] = "1";
  CHECK(make("objects: []\nparameters:\n- {name: A, required: true}\n", options) == json::array());
}

TEST_CASE("wrong types in a template are named by key path") {
  CHECK(failure("objects: []\nparameters: [{name: A, value: 3}]\n") ==
        "unable to read 't.yaml': 'parameters[0].value' must be a string, not a number | put it "
        "in quotes");
  CHECK(failure("metadata: {labels: [a]}\n") ==
        "unable to read 't.yaml': 'metadata.labels' must be a mapping, not a list");
  CHECK(failure("metadata: {creationTimestamp: 2001-01-01}\n") ==
        "unable to read 't.yaml': 'metadata.creationTimestamp' must be a time such as "
        "2026-01-31T23:59:59Z, not a string");
  CHECK(failure("objects: {}\n") ==
        "unable to read 't.yaml': 'objects' must be a list, not a mapping");
  CHECK_THROWS_WITH(process(load("apiVersion: v1\nkind: Secret\n", "s"), "s", {}),
                    "unable to read 's': it is not a template but v1 Secret");
  CHECK(is_template(load("{apiVersion: v1, kind: Template}", "t")));
  CHECK_FALSE(is_template(load("{apiVersion: template.openshift.io/v2, kind: Template}", "t")));
}

TEST_CASE("faults of objects say which one") {
  CHECK(failure("objects:\n- {kind: A}\n- []\n") ==
        "unable to process template 't.yaml': 'objects[1]': it must be a mapping");
  CHECK(failure("objects:\n- {kind: A, apiVersion: a/b/c}\n") ==
        "unable to process template 't.yaml': 'objects[0]': its apiVersion is malformed");
  CHECK(failure("objects: [{kind: A, l: ['${{X}}']}]\nparameters: [{name: X, value: 'null'}]\n") ==
        "unable to process template 't.yaml': 'objects[0]': '${{X}}' can't be null in a list");
  CHECK(failure("objects: [{kind: A, '${{X}}': 1}]\nparameters: [{name: X, value: '3'}]\n") ==
        "unable to process template 't.yaml': 'objects[0]': '${{X}}' as a key must be a string");
  CHECK(failure("labels: {a: b}\nobjects: [{kind: AList, items: []}]\n") ==
        "unable to process template 't.yaml': 'objects[0]': labels can't be added to a list");
}

TEST_CASE("null removes a key, a later reference may meet an earlier value, types are of JSON") {
  CHECK(make("objects: [{kind: A, n: '${{X}}', s: '${A} ${B}', i: '${{I}}'}]\nparameters:\n"
             "- {name: X, value: 'null'}\n- {name: A, value: '${B}'}\n- {name: B, value: b}\n"
             "- {name: I, value: '4611686018427387904'}\n") ==
        json::array(
            {{{"apiVersion", ""}, {"kind", "A"}, {"s", "b ${B}"}, {"i", 4611686018427388000}}}));
}

TEST_CASE("namespaces, legacy kinds and labels") {
  CHECK(make("objects: [{kind: RouteList, apiVersion: v1, items: [{a: 1}]}]\n") ==
        json::array({{{"apiVersion", "route.openshift.io/v1"},
                      {"kind", "RouteList"},
                      {"items", {{{"a", 1}, {"kind", "Route"}, {"apiVersion", "v1"}}}}}}));
  CHECK(make("labels: {}\nobjects: [{kind: A, apiVersion: v1, metadata: {namespace: x}}]\n") ==
        json::array(
            {{{"apiVersion", "v1"}, {"kind", "A"}, {"metadata", {{"labels", json::object()}}}}}));
  CHECK(
      make(
          "objects: [{kind: A, apiVersion: v1, metadata: {namespace: '${N}'}}]\n")[0]["metadata"] ==
      json({{"namespace", "${N}"}}));
  CHECK(make("") == json());
}

TEST_CASE("a generated value is kept where the cluster has one already") {
  const std::string text =
      "objects:\n- {apiVersion: v1, kind: Secret, metadata: {name: '${NAME}-db'}, stringData: {pw: "
      "'${PW}'}}\n"
      "parameters:\n- {name: NAME, value: api}\n- {name: PW, generate: expression, from: "
      "'[a-z]{4}'}\n";
  CHECK(make(text, counting())[0]["stringData"]["pw"] == "abcd");
  ProcessOptions options = counting();
  options.existing_value = [](const std::string& parameter,
                              const std::vector<crossover::document::ParameterUse>& uses) {
    CHECK(parameter == "PW");
    REQUIRE(uses.size() == 1);
    CHECK(uses[0].kind == "Secret");
    CHECK(uses[0].name == "api-db");
    CHECK(uses[0].path == std::vector<std::string>{"stringData", "pw"});
    return std::optional<std::string>("kept");
  };
  CHECK(make(text, options)[0]["stringData"]["pw"] == "kept");
}

TEST_CASE("the generator follows OpenShift's, quirks included") {
  const auto random = counting().random_below;
  CHECK(generate_value("x[0-9]{3}-[A-C]{2}", random) == "x012-BA");
  CHECK(generate_value("[\\A]{1}[", [](std::uint32_t bound) { return bound - 1; }) == "~[");
  CHECK(generate_value("[a-z]", random) == "[a-z]");
  CHECK_THROWS_WITH(generate_value("[a-z]{256}", random),
                    "range must be within [1-255] characters (256)");
  CHECK_THROWS_WITH(generate_value("[z-a]{1}", random), "invalid range specified: z-a");
  CHECK_THROWS_WITH(generate_value("[abc]{1}", random), "malformed expression syntax: [abc]");
  CHECK_THROWS_WITH(generate_value("[a-a]{1}", random), "[a-a] stands for no character");
  for (int i = 0; i < 100; ++i) CHECK(crossover::document::secure_random_below(3) < 3);
}

TEST_CASE("parameter files speak godotenv's dialect") {
  using Map = std::map<std::string, std::string>;
  CHECK(parse_parameter_file(
            "A=1\r\n# c\n\nexport B = 'x y' # c\nC: \"a\\nb\\t\\\\\"\nD=\"#\"\nE=a#b\nA=2", "p") ==
        Map{{"A", "2"}, {"B", "x y"}, {"C", "a\nbt\\"}, {"D", "#"}, {"E", "a"}});
  CHECK_THROWS_WITH(parse_parameter_file("A=1\nx\n", "p"),
                    "unable to read 'p': p:2: it must be KEY=VALUE");
  CHECK_THROWS_WITH(parse_parameter_file("1A=1\n", "p"),
                    "unable to read 'p': p:1: '1A' is not a name for a parameter");
}

TEST_CASE("the command line's parameters and labels are checked before anything else") {
  using crossover::document::render;
  using crossover::document::RenderRequest;
  CHECK_THROWS_WITH(render({"-", {"secret"}, {}, {}, false}),
                    "unable to use a parameter: it must be KEY=VALUE");
  CHECK_THROWS_WITH(render({"-", {"A=1", "A=2"}, {}, {}, false}),
                    "unable to use parameter 'A': it is given more than once");
  CHECK_THROWS_WITH(render({"-", {}, {}, {"a=b=c"}, false}),
                    "unable to use label 'a=b=c': it must be KEY=VALUE");
  CHECK_THROWS_WITH(render({"/nowhere/t.yaml", {}, {}, {}, false}),
                    "unable to read '/nowhere/t.yaml': No such file or directory");
}
