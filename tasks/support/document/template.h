#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace crossover::document {

/// A place where a template's object is nothing but a reference to one parameter (`${NAME}`), for
/// example the value of a Secret's key.
struct ParameterUse {
  std::string api_version;
  std::string kind;
  std::string name;               ///< with the parameters known so far filled in
  std::vector<std::string> path;  ///< keys and indices below the object, {"stringData", "password"}
};

/// Asked for a parameter that would be generated: what value the cluster has already, if any. A
/// password is made once; a second run must find it again. The value is put into the objects and
/// nowhere else.
using ExistingValue = std::function<std::optional<std::string>(
    const std::string& parameter, const std::vector<ParameterUse>& uses)>;

/// A number in [0, bound), each as likely; bound is at least 1.
using RandomBelow = std::function<std::uint32_t(std::uint32_t bound)>;

/// From the kernel's generator (getrandom). Thread-safe.
std::uint32_t secure_random_below(std::uint32_t bound);

struct ProcessOptions {
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> labels;  ///< added to each object, over the template's own
  bool ignore_unknown_parameters = false;
  ExistingValue existing_value;  ///< may be empty
  RandomBelow random_below = secure_random_below;
};

/// What `oc process --local` takes on its command line.
struct RenderRequest {
  std::string template_file;            ///< "-" is standard input
  std::vector<std::string> parameters;  ///< "KEY=VALUE"; beat those from files
  std::vector<std::string>
      parameter_files;              ///< earlier ones beat later ones; "-" is standard input
  std::vector<std::string> labels;  ///< "k=v,k=v"; as with `oc`, the last one replaces those before
  bool ignore_unknown_parameters = false;
};

/// Whether a document is a template: kind Template in template.openshift.io/v1 or the legacy v1.
bool is_template(const nlohmann::json& document);

/// Processes a template as `oc process --local -o json` does and returns the `kind: List`:
/// generates values, substitutes `${X}` in keys and values and `${{X}}` as typed value, takes
/// hard-coded namespaces off, moves legacy kinds of `v1` into their groups and adds labels. `name`
/// stands for the template in messages. Error (usage) when the template is malformed, and one Error
/// for all unknown parameters and required ones without a value. Thread-safe.
nlohmann::json process(const nlohmann::json& template_document, const std::string& name,
                       const ProcessOptions& options);

/// Reads the files of a request and processes. Only the first document of the template's file
/// counts (what `oc` says of further ones on standard output is left out).
nlohmann::json render(const RenderRequest& request, const ExistingValue& existing_value = {});

}  // namespace crossover::document
