#include "resources/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "document/template.h"
#include "document/yaml.h"
#include "kube/client.h"
#include "kube/object.h"

namespace crossover::resources {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string namespace_of(const config::Source& source, const LoadOptions& options) {
  return source.namespace_name.empty() ? options.ns : source.namespace_name;
}

/// What the cluster holds where the template puts a generated value.
std::optional<std::string> existing(kube::Client& client, const std::string& ns,
                                    const std::vector<document::ParameterUse>& uses) {
  for (const document::ParameterUse& use : uses) {
    if (use.name.empty() || use.path.empty() || !client.serves(use.api_version, use.kind)) {
      continue;
    }
    const std::optional<json> live = client.find({use.api_version, use.kind, ns, use.name});
    if (!live) {
      continue;
    }
    const bool plain_secret = use.kind == "Secret" && use.path.front() == "stringData";
    json::json_pointer pointer;
    for (const std::string& key : use.path) {
      pointer /= plain_secret && pointer.empty() ? "data" : key;
    }
    const json& value = kube::at(*live, pointer.to_string());
    if (value.is_string()) {
      return plain_secret ? kube::base64_decode(value.get<std::string>())
                          : value.get<std::string>();
    }
  }
  return std::nullopt;
}

std::vector<json> load_template(const config::Source& source, const LoadOptions& options) {
  document::RenderRequest request;
  request.template_file = source.template_file;
  for (const auto& [name, value] : source.parameters) {
    request.parameters.push_back(name + "=" + value);
  }
  request.parameter_files = source.parameter_files;
  request.ignore_unknown_parameters = source.ignore_unknown_parameters;
  document::ExistingValue existing_value;
  if (options.client != nullptr) {
    existing_value = [&](const std::string& /*parameter*/,
                         const std::vector<document::ParameterUse>& uses) {
      return existing(*options.client, namespace_of(source, options), uses);
    };
  }
  const json list = document::render(request, existing_value);
  return {list.at("items").begin(), list.at("items").end()};
}

bool is_manifest(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

std::vector<std::string> manifest_files(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return {path};
  }
  std::vector<std::string> files;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_manifest(entry->path())) {
      files.push_back(entry->path().string());
    }
  }
  if (error) {
    throw Error(ErrorKind::usage, fmt::format("unable to read '{}': {}", path, error.message()));
  }
  if (files.empty()) {
    throw Error(ErrorKind::usage, fmt::format("unable to read '{}': it holds no manifest", path),
                "files that end in .yaml, .yml or .json are looked for");
  }
  std::ranges::sort(files);
  return files;
}

void take_apart(json document, const std::string& file, std::vector<json>& objects) {
  if (document::is_template(document)) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to use manifest '{}': it is a template", file),
                "give it as 'template' instead of 'manifests'");
  }
  if (kube::text_at(document, "/kind").ends_with("List") && document.contains("items")) {
    for (json& item : document["items"]) {
      take_apart(std::move(item), file, objects);
    }
    return;
  }
  for (const char* path : {"/apiVersion", "/kind", "/metadata/name"}) {
    if (kube::text_at(document, path).empty()) {
      throw Error(ErrorKind::usage, fmt::format("unable to use manifest '{}': an object has no {}",
                                                file, std::string_view(path).substr(1)));
    }
  }
  objects.push_back(std::move(document));
}

void add_labels(json& object, const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : labels) {
    object["metadata"]["labels"][key] = value;
  }
}

void place(json& object, const config::Source& source, const LoadOptions& options) {
  const std::string own = kube::text_at(object, "/metadata/namespace");
  if (!own.empty()) {
    if (!source.namespace_name.empty() && own != source.namespace_name) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use '{}': it names namespace '{}', its source '{}'",
                              kube::ref_of(object).text(), own, source.namespace_name),
                  "take one of the two away, or give the object a source of its own");
    }
    return;
  }
  const std::string api_version = kube::text_at(object, "/apiVersion");
  const std::string kind = kube::text_at(object, "/kind");
  if (options.client != nullptr && options.client->serves(api_version, kind) &&
      !options.client->resource(api_version, kind).namespaced) {
    return;
  }
  if (const std::string ns = namespace_of(source, options); !ns.empty()) {
    object["metadata"]["namespace"] = ns;
  }
}

}  // namespace

std::vector<json> load(const config::Source& source, const LoadOptions& options) {
  std::vector<json> objects;
  if (!source.template_file.empty()) {
    objects = load_template(source, options);
  } else {
    for (const std::string& file : manifest_files(source.manifests)) {
      for (json& document : document::load_stream_file(file)) {
        take_apart(std::move(document), file, objects);
      }
    }
  }
  for (json& object : objects) {
    add_labels(object, source.labels);
    place(object, source, options);
  }
  return objects;
}

std::vector<json> load_all(const std::vector<config::Source>& sources, const LoadOptions& options) {
  std::vector<json> objects;
  for (const config::Source& source : sources) {
    std::vector<json> more = load(source, options);
    std::ranges::move(more, std::back_inserter(objects));
  }
  return objects;
}

}  // namespace crossover::resources
