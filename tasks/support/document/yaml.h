#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace crossover::document {

/// Kubernetes manifests and OpenShift templates as `oc` and `kubectl` read them: documents divided
/// by lines that start with `---`, YAML 1.1 by the rules of go-yaml v2 (y, yes and on are true,
/// 0644 is 420, dates are strings, `<<` merges, the last of equal keys wins), or JSON values one
/// after another when the first character is `{`. Empty documents are left out. Numbers are int64
/// or double.
///
/// All throw Error of kind usage: "unable to read 'FILE': FILE:LINE: CAUSE" for what is broken, and
/// for a file that can't be read or has more than 8 MiB. Depth is limited to 1000, aliases as
/// go-yaml limits them. Thread-safe.
std::vector<nlohmann::json> load_stream(std::string_view text, const std::string& name);
std::vector<nlohmann::json> load_stream_file(const std::string& path);

/// The only document of a text; Error when there is none or a second one.
nlohmann::json load(std::string_view text, const std::string& name);
nlohmann::json load_file(const std::string& path);

/// The text of a JSON value with indentation and a final line end. Floats have their shortest exact
/// form (nlohmann's own text now and then has a digit too many); strings that aren't valid UTF-8
/// get U+FFFD.
std::string json_text(const nlohmann::json& value);

}  // namespace crossover::document
