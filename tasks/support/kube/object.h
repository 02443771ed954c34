#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace crossover::kube {

/// Which object: enough to address it on an API server.
struct Ref {
  std::string api_version;  ///< "apps/v1", "v1"
  std::string kind;         ///< "Deployment"
  std::string ns;           ///< empty for cluster-scoped kinds, or: the client's own namespace
  std::string name;

  bool operator==(const Ref& other) const = default;
  /// "deployment/web", as `oc` and all our texts name it.
  std::string text() const;
};

/// The Ref of an object; its namespace may be empty. Throws Error{precondition} when apiVersion,
/// kind or metadata.name is missing.
Ref ref_of(const nlohmann::json& object);

/// The value below `path` ("/spec/replicas", a JSON pointer), or null when anything on the way is
/// missing. The reference lives as long as `object`.
const nlohmann::json& at(const nlohmann::json& object, std::string_view path);

/// The string at `path`, or empty.
std::string text_at(const nlohmann::json& object, std::string_view path);

/// The integer at `path`, or `otherwise`.
std::int64_t integer_at(const nlohmann::json& object, std::string_view path,
                        std::int64_t otherwise = 0);

/// metadata.labels[name] and metadata.annotations[name], or empty.
std::string label(const nlohmann::json& object, std::string_view name);
std::string annotation(const nlohmann::json& object, std::string_view name);

/// "a=b,c=d" of an equality selector such as a Service's spec.selector or matchLabels.
std::string selector_text(const nlohmann::json& labels);

/// Whether an equality selector means an object with these labels. One that is empty or missing
/// means none: such a Service has no pods of its own.
bool selects(const nlohmann::json& selector, const nlohmann::json& labels);

/// A value of a Secret's `data`, decoded from base64. Throws Error{precondition}
/// `unable to read key 'K' of 'secret/S': ...` with the keys that are there as hint.
std::string secret_value(const nlohmann::json& secret, std::string_view key);

/// RFC 4648 base64; decoding throws Error{failure} on anything else.
std::string base64_encode(std::string_view bytes);
std::string base64_decode(std::string_view text);

}  // namespace crossover::kube
