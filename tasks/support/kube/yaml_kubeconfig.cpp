#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "kube/kubeconfig.h"

namespace crossover::kube {

namespace {

constexpr int depth_limit = 32;

[[noreturn]] void unreadable(const std::filesystem::path& file, const std::string& cause) {
  throw Error(ErrorKind::precondition,
              fmt::format("unable to read kubeconfig '{}': {}", file.string(), cause));
}

nlohmann::json to_json(const YAML::Node& node, int depth) {
  if (depth > depth_limit) {
    throw YAML::Exception(node.Mark(), "it is nested too deeply");
  }
  if (node.IsScalar()) {
    return node.Scalar();
  }
  if (node.IsSequence()) {
    nlohmann::json list = nlohmann::json::array();
    for (const YAML::Node& element : node) {
      list.push_back(to_json(element, depth + 1));
    }
    return list;
  }
  if (node.IsMap()) {
    nlohmann::json map = nlohmann::json::object();
    for (const auto& entry : node) {
      map[entry.first.Scalar()] = to_json(entry.second, depth + 1);
    }
    return map;
  }
  return nullptr;
}

}  // namespace

nlohmann::json load_kubeconfig(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    // An empty file makes << fail too, and is an empty configuration.
    if (!stream.is_open() || stream.bad()) {
      unreadable(file, std::strerror(errno));
    }
  }
  try {
    nlohmann::json document = to_json(YAML::Load(text.str()), 0);
    if (document.is_null()) {
      return nlohmann::json::object();
    }
    if (!document.is_object()) {
      unreadable(file, "it is not a map");
    }
    return document;
  } catch (const YAML::Exception& error) {
    unreadable(file, fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  }
}

}  // namespace crossover::kube
