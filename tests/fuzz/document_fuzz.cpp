// One input goes through every reader of documents. Each may refuse it with an Error; any other
// exception, a crash or a sanitizer's finding is a defect.

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "document/parameter_file.h"
#include "document/strict_yaml.h"
#include "document/template.h"
#include "document/yaml.h"

namespace {

using crossover::Error;
namespace document = crossover::document;

template <typename Body>
void refusable(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.message().empty()) std::abort();
  }
}

void process(const nlohmann::json& loaded) {
  document::ProcessOptions options;
  options.parameters["A"] = "${B} $ {\"x\": [1, null]}";
  options.labels["l"] = "${A}";
  options.ignore_unknown_parameters = true;
  std::uint32_t last = 0;
  options.random_below = [&last](std::uint32_t bound) { return last++ % bound; };
  const auto list = document::process(loaded, "input", options);
  // What was made must survive its own way through text.
  if (nlohmann::json::parse(document::json_text(list)).at("kind") != "List") std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  refusable([&] {
    const auto documents = document::load_stream(text, "input");
    for (const auto& loaded : documents) document::json_text(loaded);
    if (!documents.empty() && document::is_template(documents.front())) process(documents.front());
  });
  refusable([&] {
    const auto strict = document::StrictDocument::parse(text, "input");
    document::json_text(strict.json());
    strict.root().finish();
  });
  refusable([&] { document::parse_parameter_file(text, "input"); });
  return 0;
}
