#include "document/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "document/nearest.h"
#include "document/parameter_file.h"
#include "document/source.h"
#include "document/substitution.h"
#include "document/template_item.h"
#include "document/template_object.h"
#include "document/value_generator.h"
#include "document/yaml.h"

namespace crossover::document {
namespace {

using nlohmann::json;

Error unusable(const std::string& name, std::string_view cause, std::string hint = {}) {
  return {ErrorKind::usage, fmt::format("unable to process template '{}': {}", name, cause),
          std::move(hint)};
}

/// Everything that is wrong with the parameters, told at once.
struct Complaints {
  std::vector<std::string> causes;
  std::string hint;

  void throw_if_any(const std::string& name) const {
    if (!causes.empty()) throw unusable(name, fmt::format("{}", fmt::join(causes, "; ")), hint);
  }
};

void give_values(Template& from, const ProcessOptions& options, Complaints& complaints) {
  std::vector<std::string> names;
  for (const TemplateParameter& parameter : from.parameters) names.push_back(parameter.name);
  for (const auto& [key, value] : options.parameters) {
    const auto found = std::find(names.begin(), names.end(), key);
    if (found != names.end()) {
      TemplateParameter& parameter =
          from.parameters[static_cast<std::size_t>(found - names.begin())];
      parameter.value = value;
      parameter.generate.clear();
    } else if (!options.ignore_unknown_parameters) {
      complaints.causes.push_back(fmt::format("unknown parameter '{}'", valid_utf8(key)));
      if (complaints.hint.empty()) complaints.hint = did_you_mean(key, names);
    }
  }
}

void collect_uses(const json& value, const std::string& parameter, std::vector<std::string>& path,
                  ParameterUse& use, std::vector<ParameterUse>& uses) {
  if (value.is_string() && sole_reference(value.get_ref<const std::string&>()) == parameter) {
    use.path = path;
    uses.push_back(use);
  }
  if (!value.is_structured()) return;
  std::size_t index = 0;
  for (const auto& [key, child] : value.items()) {
    path.push_back(value.is_array() ? std::to_string(index++) : key);
    collect_uses(child, parameter, path, use, uses);
    path.pop_back();
  }
}

std::string text_at(const json& object, std::initializer_list<const char*> keys) {
  const json* at = &object;
  for (const char* key : keys) {
    if (!at->is_object() || !at->contains(key)) return {};
    at = &(*at)[key];
  }
  return at->is_string() ? at->get<std::string>() : std::string();
}

std::vector<ParameterUse> uses_of(const Template& from, const std::string& parameter) {
  Values known;
  for (const TemplateParameter& other : from.parameters) {
    if (!other.value.empty()) known[other.name] = other.value;
  }
  const Substitution substitution(std::move(known));
  std::vector<ParameterUse> uses;
  for (const json& object : from.objects) {
    ParameterUse use;
    use.api_version = substitution.text(text_at(object, {"apiVersion"}));
    use.kind = substitution.text(text_at(object, {"kind"}));
    use.name = substitution.text(text_at(object, {"metadata", "name"}));
    std::vector<std::string> path;
    collect_uses(object, parameter, path, use, uses);
  }
  return uses;
}

void generate(TemplateParameter& parameter, const Template& from, const ProcessOptions& options,
              Complaints& complaints) {
  if (parameter.generate != "expression") {
    complaints.causes.push_back(fmt::format("unknown generator '{}' of parameter '{}'",
                                            parameter.generate, parameter.name));
    return;
  }
  if (options.existing_value) {
    if (auto value = options.existing_value(parameter.name, uses_of(from, parameter.name))) {
      parameter.value = std::move(*value);
      return;
    }
  }
  try {
    parameter.value = generate_value(parameter.from, options.random_below);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    complaints.causes.push_back(fmt::format("unable to generate parameter '{}' from '{}': {}",
                                            parameter.name, parameter.from, error.message()));
  }
}

void complete_values(Template& from, const ProcessOptions& options, Complaints& complaints) {
  for (TemplateParameter& parameter : from.parameters) {
    if (!parameter.value.empty()) continue;
    const std::size_t before = complaints.causes.size();
    if (!parameter.generate.empty()) generate(parameter, from, options, complaints);
    if (parameter.required && parameter.value.empty() && complaints.causes.size() == before) {
      complaints.causes.push_back(
          fmt::format("parameter '{}' is required and has no value", parameter.name));
    }
  }
}

std::map<std::string, std::string> final_labels(const Template& from, const ProcessOptions& options,
                                                const Substitution& substitution) {
  std::map<std::string, std::string> labels = from.labels;
  for (const auto& [key, value] : options.labels) labels[key] = value;
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : labels) out[substitution.text(key)] = substitution.text(value);
  return out;
}

json process_items(const Template& from, const std::string& name, const Substitution& substitution,
                   const std::optional<std::map<std::string, std::string>>& labels) {
  if (from.objects.is_null()) return nullptr;
  json items = json::array();
  for (std::size_t i = 0; i < from.objects.size(); ++i) {
    json item = from.objects[i];
    try {
      decode_item(item);
      strip_namespace(item);
      substitution.apply(item);
      groupify(item);
      if (labels) add_labels(item, *labels);
    } catch (const Error& error) {
      throw unusable(name, fmt::format("'objects[{}]': {}", i, error.message()));
    }
    items.push_back(std::move(item));
  }
  return items;
}

std::map<std::string, std::string> parse_labels(const std::vector<std::string>& given) {
  std::map<std::string, std::string> out;
  if (given.empty() || given.back().empty()) return out;
  std::string_view rest = given.back();
  while (true) {
    const std::size_t end = rest.find(',');
    const std::string_view label = rest.substr(0, end);
    const std::size_t equals = label.find('=');
    const bool well_formed = equals != std::string_view::npos && equals > 0 &&
                             label.find('=', equals + 1) == std::string_view::npos;
    if (!well_formed) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use label '{}': it must be KEY=VALUE", label));
    }
    out[std::string(label.substr(0, equals))] = label.substr(equals + 1);
    if (end == std::string_view::npos) return out;
    rest.remove_prefix(end + 1);
  }
}

std::map<std::string, std::string> parse_parameters(const std::vector<std::string>& given) {
  std::map<std::string, std::string> out;
  for (const std::string& assignment : given) {
    const std::size_t equals = assignment.find('=');
    const std::string key = assignment.substr(0, equals);
    // The value may be a password, so it is never shown; nor is a word without `=`, which may be
    // one.
    if (equals == std::string::npos) {
      throw Error(ErrorKind::usage, "unable to use a parameter: it must be KEY=VALUE");
    }
    if (!is_parameter_name(key)) {
      throw Error(
          ErrorKind::usage,
          fmt::format("unable to use parameter '{}': it must be KEY=VALUE", valid_utf8(key)),
          "a KEY has letters, digits, '_', '-' and '.', and no digit first");
    }
    if (!out.emplace(key, assignment.substr(equals + 1)).second) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use parameter '{}': it is given more than once", key));
    }
  }
  return out;
}

/// Each document of the template's file must be some object, though only the first one counts.
void require_objects(const std::vector<json>& documents, const std::string& name) {
  const auto refuse = [&name](std::string_view cause) {
    throw Error(ErrorKind::usage, fmt::format("unable to read '{}': {}", name, cause));
  };
  if (documents.empty()) refuse("it holds no document");
  for (const json& document : documents) {
    const bool typed =
        !text_at(document, {"kind"}).empty() && !text_at(document, {"apiVersion"}).empty();
    if (!typed && &document != &documents.front()) {
      refuse("one of its documents has no apiVersion and kind");
    }
  }
}

}  // namespace

json process(const json& template_document, const std::string& name,
             const ProcessOptions& options) {
  Template from = decode_template(template_document, name);
  Complaints complaints;
  give_values(from, options, complaints);
  complete_values(from, options, complaints);
  complaints.throw_if_any(name);
  Values values;
  for (const TemplateParameter& parameter : from.parameters) {
    values[parameter.name] = valid_utf8(parameter.value);
  }
  const Substitution substitution(std::move(values));
  std::optional<std::map<std::string, std::string>> labels;
  if (from.has_labels || !options.labels.empty())
    labels = final_labels(from, options, substitution);
  json list;
  list["apiVersion"] = "v1";
  list["kind"] = "List";
  list["metadata"] = json::object();
  list["items"] = process_items(from, name, substitution, labels);
  return list;
}

json render(const RenderRequest& request, const ExistingValue& existing_value) {
  ProcessOptions options;
  options.parameters = parse_parameters(request.parameters);
  for (const std::string& file : request.parameter_files) {
    // Those from the command line and from earlier files stay: merge() keeps what is there.
    auto more = parse_parameter_file(read_document(file), file);
    options.parameters.merge(more);
  }
  options.labels = parse_labels(request.labels);
  options.ignore_unknown_parameters = request.ignore_unknown_parameters;
  options.existing_value = existing_value;
  const std::vector<json> documents = load_stream_file(request.template_file);
  require_objects(documents, request.template_file);
  return process(documents.front(), request.template_file, options);
}

}  // namespace crossover::document
