#include "document/template_object.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "document/template.h"
#include "document/timestamp.h"

namespace crossover::document {
namespace {

using nlohmann::json;

enum class Type {
  string,
  boolean,
  integer,
  time,
  strings,
  string_map,
  metadata,
  owners,
  managers,
  any
};

struct Field {
  std::string_view name;
  Type type;
};

// The fields of ObjectMeta in k8s.io/apimachinery, of which `oc` refuses wrong types.
constexpr std::array metadata_fields{Field{"name", Type::string},
                                     Field{"generateName", Type::string},
                                     Field{"namespace", Type::string},
                                     Field{"selfLink", Type::string},
                                     Field{"uid", Type::string},
                                     Field{"resourceVersion", Type::string},
                                     Field{"generation", Type::integer},
                                     Field{"creationTimestamp", Type::time},
                                     Field{"deletionTimestamp", Type::time},
                                     Field{"deletionGracePeriodSeconds", Type::integer},
                                     Field{"labels", Type::string_map},
                                     Field{"annotations", Type::string_map},
                                     Field{"ownerReferences", Type::owners},
                                     Field{"finalizers", Type::strings},
                                     Field{"managedFields", Type::managers}};
constexpr std::array owner_fields{
    Field{"apiVersion", Type::string},  Field{"kind", Type::string},
    Field{"name", Type::string},        Field{"uid", Type::string},
    Field{"controller", Type::boolean}, Field{"blockOwnerDeletion", Type::boolean}};
constexpr std::array manager_fields{
    Field{"manager", Type::string},    Field{"operation", Type::string},
    Field{"apiVersion", Type::string}, Field{"time", Type::time},
    Field{"fieldsType", Type::string}, Field{"fieldsV1", Type::any},
    Field{"subresource", Type::string}};
constexpr std::array parameter_fields{
    Field{"name", Type::string},        Field{"displayName", Type::string},
    Field{"description", Type::string}, Field{"value", Type::string},
    Field{"generate", Type::string},    Field{"from", Type::string},
    Field{"required", Type::boolean}};
constexpr std::array template_fields{Field{"apiVersion", Type::string}, Field{"kind", Type::string},
                                     Field{"metadata", Type::metadata},
                                     Field{"message", Type::string},
                                     Field{"labels", Type::string_map}};

class Checker {
 public:
  explicit Checker(const std::string& name) : name_(name) {}

  [[noreturn]] void refuse(const std::string& path, std::string_view wanted,
                           const json& value) const {
    const bool quotable = wanted == "a string" && value.is_primitive();
    throw Error(ErrorKind::usage,
                fmt::format("unable to read '{}': '{}' must be {}, not {}", name_, path, wanted,
                            shown(value)),
                quotable ? "put it in quotes" : "");
  }

  template <std::size_t count>
  void object(const json& value, const std::array<Field, count>& fields,
              const std::string& path) const {
    if (value.is_null()) return;
    if (!value.is_object()) refuse(path, "a mapping", value);
    for (const Field& field : fields) {
      const auto found = value.find(field.name);
      if (found == value.end() || found->is_null()) continue;
      check(*found, field.type,
            path.empty() ? std::string(field.name) : fmt::format("{}.{}", path, field.name));
    }
  }

  template <std::size_t count>
  void objects(const json& value, const std::array<Field, count>& fields,
               const std::string& path) const {
    if (value.is_null()) return;
    if (!value.is_array()) refuse(path, "a list", value);
    for (std::size_t i = 0; i < value.size(); ++i)
      object(value[i], fields, fmt::format("{}[{}]", path, i));
  }

 private:
  static std::string_view shown(const json& value) {
    if (value.is_object()) return "a mapping";
    if (value.is_array()) return "a list";
    if (value.is_string()) return "a string";
    // Never the value itself: it may be a password.
    return value.is_number() ? "a number" : "a boolean";
  }

  void check(const json& value, Type type, const std::string& path) const {
    switch (type) {
      case Type::string:
        if (!value.is_string()) refuse(path, "a string", value);
        break;
      case Type::boolean:
        if (!value.is_boolean()) refuse(path, "true or false", value);
        break;
      case Type::integer:
        if (!value.is_number_integer()) refuse(path, "a whole number", value);
        break;
      case Type::time:
        check_time(value, path);
        break;
      case Type::strings:
        check_strings(value, path);
        break;
      case Type::string_map:
        check_string_map(value, path);
        break;
      case Type::metadata:
        object(value, metadata_fields, path);
        break;
      case Type::owners:
        objects(value, owner_fields, path);
        break;
      case Type::managers:
        objects(value, manager_fields, path);
        break;
      case Type::any:
        break;
    }
  }

  void check_time(const json& value, const std::string& path) const {
    constexpr std::string_view wanted = "a time such as 2026-01-31T23:59:59Z";
    if (!value.is_string()) refuse(path, wanted, value);
    const auto& text = value.get_ref<const std::string&>();
    // RFC 3339: a timestamp in full, with T and a zone.
    if (text.size() < 20 || text[10] != 'T' || !is_timestamp(text)) refuse(path, wanted, value);
  }

  void check_strings(const json& value, const std::string& path) const {
    if (!value.is_array()) refuse(path, "a list of strings", value);
    for (const json& item : value) {
      if (!item.is_null() && !item.is_string()) refuse(path, "a list of strings", item);
    }
  }

  void check_string_map(const json& value, const std::string& path) const {
    if (!value.is_object()) refuse(path, "a mapping", value);
    for (const auto& [key, item] : value.items()) {
      if (!item.is_null() && !item.is_string())
        refuse(fmt::format("{}.{}", path, key), "a string", item);
    }
  }

  const std::string& name_;
};

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// apiVersion and kind are looked up without regard to letter case (encoding/json does so), unlike
/// everything after them.
std::optional<std::string> type_field(const json& document, std::string_view lower_name) {
  std::optional<std::string> found;
  for (const auto& [key, value] : document.items()) {
    if (lowered(key) != lower_name || value.is_null()) continue;
    if (!value.is_string()) return std::nullopt;
    found = value.get<std::string>();
  }
  return found;
}

std::string string_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? std::string() : found->get<std::string>();
}

std::vector<TemplateParameter> parameters_of(const json& list) {
  std::vector<TemplateParameter> out;
  for (const json& item : list) {
    TemplateParameter& parameter = out.emplace_back();
    if (item.is_null()) continue;
    parameter.name = string_of(item, "name");
    parameter.value = string_of(item, "value");
    parameter.generate = string_of(item, "generate");
    parameter.from = string_of(item, "from");
    const auto required = item.find("required");
    parameter.required = required != item.end() && !required->is_null() && required->get<bool>();
  }
  return out;
}

json member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

void require_template(const json& document, const std::string& name) {
  if (is_template(document)) return;
  const auto refuse = [&name](const std::string& cause) {
    throw Error(ErrorKind::usage, fmt::format("unable to read '{}': {}", name, cause),
                "a template has apiVersion template.openshift.io/v1 and kind Template");
  };
  if (!document.is_object()) refuse("it is not a template but a scalar or list");
  const auto kind = type_field(document, "kind");
  if (!kind || kind->empty()) refuse("it is not a template: 'kind' is missing");
  const auto version = type_field(document, "apiversion");
  if (!version || version->empty()) refuse("it is not a template: 'apiVersion' is missing");
  refuse(fmt::format("it is not a template but {} {}", *version, *kind));
}

}  // namespace

bool is_template(const json& document) {
  if (!document.is_object()) return false;
  const auto version = type_field(document, "apiversion");
  return type_field(document, "kind") == "Template" &&
         (version == "template.openshift.io/v1" || version == "v1");
}

Template decode_template(const json& document, const std::string& name) {
  require_template(document, name);
  const Checker checker(name);
  checker.object(document, template_fields, "");
  Template out;
  out.objects = member(document, "objects");
  if (!out.objects.is_null() && !out.objects.is_array()) {
    checker.refuse("objects", "a list", out.objects);
  }
  const json parameters = member(document, "parameters");
  checker.objects(parameters, parameter_fields, "parameters");
  out.parameters = parameters_of(parameters);
  const json labels = member(document, "labels");
  out.has_labels = !labels.is_null();
  for (const auto& [key, value] : labels.items()) {
    out.labels[key] = value.is_null() ? std::string() : value.get<std::string>();
  }
  return out;
}

}  // namespace crossover::document
