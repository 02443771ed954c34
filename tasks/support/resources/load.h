#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/source.h"

namespace crossover::kube {
class Client;
}

namespace crossover::resources {

struct LoadOptions {
  std::string ns;  ///< for objects that name none and sources that name none; may be empty
  /// Asked what value a generated parameter (a password) has already, and which kinds have
  /// namespaces. Null: offline, every generated value is a new one.
  kube::Client* client = nullptr;
};

/// The objects of a source in the order of its file: a template is processed as `oc process
/// --local` does it; manifests are read as `oc apply -f` reads them (a file, or the *.yaml, *.yml
/// and *.json of a folder, by name), Lists taken apart. Each object gets the source's labels and,
/// where its kind has namespaces, a namespace: its own, else the source's, else `options.ns`.
/// Throws Error{usage} for what is broken, with file and line, and for an object that names another
/// namespace than its source does (as `oc apply -n` refuses it).
std::vector<nlohmann::json> load(const config::Source& source, const LoadOptions& options);

/// The same for several, one after another.
std::vector<nlohmann::json> load_all(const std::vector<config::Source>& sources,
                                     const LoadOptions& options);

}  // namespace crossover::resources
