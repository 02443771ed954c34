#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace crossover::document {

/// Parameter values by name.
using Values = std::map<std::string, std::string, std::less<>>;

/// Whether `text` has a reference `${NAME}` (known or not).
bool has_reference(std::string_view text);

/// NAME when `text` is nothing but `${NAME}` or `${{NAME}}`, else empty.
std::string_view sole_reference(std::string_view text);

/// Puts parameters in place of references, as OpenShift does it: for each `${NAME}` of the original
/// text, left to right, the first such reference in the text as it is by then. Unknown ones stay.
class Substitution {
 public:
  explicit Substitution(Values values);

  /// `text` with its references replaced; one that is `${{NAME}}` as a whole becomes the value.
  std::string text(const std::string& in) const;

  /// Replaces in all keys and strings below `value`. A string that is `${{NAME}}` as a whole
  /// becomes what the value says as JSON (numbers as float64), or a string where it is none; null
  /// removes a mapping's key. Error (usage) with the cause alone where a list would get null, or a
  /// key would not be a string, and when the result outgrows 64 MiB.
  void apply(nlohmann::json& value) const;

 private:
  const std::string* typed_value(std::string_view in) const;
  nlohmann::json value_of(const std::string& in) const;
  std::string key_of(const std::string& in) const;
  void apply_to_object(nlohmann::json& object) const;
  void apply_to_array(nlohmann::json& array) const;
  void count(std::size_t bytes) const;

  Values values_;
  mutable std::size_t bytes_ = 0;
};

}  // namespace crossover::document
