// The template processor as a program, for fixtures/oc-process/compare.

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "document/template.h"
#include "document/yaml.h"

int main(int argc, char** argv) {
  using crossover::document::RenderRequest;
  RenderRequest request;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--ignore-unknown-parameters") {
      request.ignore_unknown_parameters = true;
      continue;
    }
    if (i + 1 == argc) return 2;
    const char* value = argv[++i];
    if (flag == "--template") {
      request.template_file = value;
    } else if (flag == "-p") {
      request.parameters.emplace_back(value);
    } else if (flag == "--param-file") {
      request.parameter_files.emplace_back(value);
    } else if (flag == "-l") {
      request.labels.emplace_back(value);
    } else {
      return 2;
    }
  }
  try {
    const auto list = crossover::document::render(request);
    std::fputs(crossover::document::json_text(list).c_str(), stdout);
  } catch (const crossover::Error& error) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    return 1;
  }
  return 0;
}
