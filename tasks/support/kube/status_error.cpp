#include "kube/status_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kube/object.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr std::size_t causes_named = 5;

/// The owner out of `conflict with "hpa-controller" with subresource "scale" using apps/v1`.
std::string owner_in(const std::string& message) {
  const std::size_t open = message.find('"');
  const std::size_t close = message.find('"', open + 1);
  return open == std::string::npos || close == std::string::npos
             ? message
             : message.substr(open + 1, close - open - 1);
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t index = 0; index < parts.size() && index < causes_named; ++index) {
    text += (index == 0 ? "" : "; ") + parts[index];
  }
  if (parts.size() > causes_named) {
    text += fmt::format("; and {} more", parts.size() - causes_named);
  }
  return text;
}

std::vector<std::string> owners(const json& status) {
  std::vector<std::string> parts;
  for (const json& cause : at(status, "/details/causes")) {
    if (text_at(cause, "/reason") == "FieldManagerConflict") {
      parts.push_back(fmt::format("field '{}' is owned by '{}'", text_at(cause, "/field"),
                                  owner_in(text_at(cause, "/message"))));
    }
  }
  return parts;
}

std::vector<std::string> invalid_fields(const json& status) {
  std::vector<std::string> parts;
  for (const json& cause : at(status, "/details/causes")) {
    const std::string field = text_at(cause, "/field");
    const std::string message = text_at(cause, "/message");
    if (message.find("field is immutable") != std::string::npos) {
      parts.push_back(fmt::format("field '{}' is immutable", field));
    } else if (!field.empty()) {
      parts.push_back(fmt::format("field '{}': {}", field, message));
    }
  }
  return parts;
}

std::string server_words(const json& status, const std::string& body) {
  std::string message = text_at(status, "/message");
  if (message.empty()) {
    message = body.substr(0, 200);
  }
  while (!message.empty() && (message.back() == '\n' || message.back() == '.')) {
    message.pop_back();
  }
  return message.empty() ? "no reason given" : message;
}

Error conflict_error(const std::string& what, const json& status, const std::string& words) {
  if (const std::vector<std::string> named = owners(status); !named.empty()) {
    return {ErrorKind::precondition, what + join(named),
            "take the field out of the manifest, have its owner let it go, or force the apply to "
            "take it over"};
  }
  if (text_at(status, "/reason") == "AlreadyExists") {
    return {ErrorKind::precondition, what + "it exists already"};
  }
  return {ErrorKind::precondition, what + words, "somebody else changed it meanwhile: run again"};
}

Error invalid_error(const std::string& what, const json& status, const std::string& words) {
  const std::vector<std::string> named = invalid_fields(status);
  const bool immutable = std::any_of(named.begin(), named.end(), [](const std::string& part) {
    return part.ends_with("is immutable");
  });
  return {ErrorKind::precondition, what + (named.empty() ? words : join(named)),
          immutable ? "it can't be changed in place: keep the value, or use another name" : ""};
}

}  // namespace

Error status_error(int status, const std::string& body, std::string_view verb,
                   const std::string& object, const std::string& source) {
  const json document = json::parse(body, nullptr, false);
  const std::string words = server_words(document, body);
  // What a server says of a body that it can't take quotes from it.
  const bool may_quote = status == 400 || status == 500 ||
                         (status == 422 && words.find("Invalid value") != std::string::npos);
  if (may_quote && object.starts_with("secret/")) {
    return Error(ErrorKind::precondition,
                 fmt::format("unable to {} '{}': the server does not accept its content, which is "
                             "not shown",
                             verb, object),
                 "its 'data' must be strings in base64, its 'stringData' plain strings")
        .set_http_status(status);
  }
  const std::string what = fmt::format("unable to {} '{}': ", verb, object);
  Error error(ErrorKind::failure, what + words);
  switch (status) {
    case 401:
      error = Error(ErrorKind::precondition, what + "the server does not accept our credentials",
                    fmt::format("those of {} have expired or are wrong: log in again", source));
      break;
    case 403:
      error = Error(ErrorKind::precondition, what + words,
                    fmt::format("{} lacks this right: have a Role that grants it bound to its "
                                "account, then run again",
                                source));
      break;
    case 404:
      error = Error(ErrorKind::precondition, what + words);
      break;
    case 409:
      error = conflict_error(what, document, words);
      break;
    case 400:
    case 422:
      error = invalid_error(what, document, words);
      break;
    case 504:
      error = Error(ErrorKind::timeout, what + words);
      break;
    default:
      break;
  }
  return error.set_http_status(status);
}

std::vector<std::string> immutable_changes(const json& wanted, const json& live) {
  // What the API server's validation of StatefulSets lets pass (pkg/apis/apps/validation).
  constexpr std::array<std::string_view, 7> mutable_fields = {
      "replicas",
      "ordinals",
      "template",
      "updateStrategy",
      "revisionHistoryLimit",
      "minReadySeconds",
      "persistentVolumeClaimRetentionPolicy"};
  const auto differs = [](const auto& self, const json& want, const json& have) -> bool {
    // Defaulted fields are in `have` alone and are no difference.
    if (want.is_object() && have.is_object()) {
      return std::any_of(want.items().begin(), want.items().end(), [&](const auto& item) {
        return !have.contains(item.key()) || self(self, item.value(), have[item.key()]);
      });
    }
    if (want.is_array() && have.is_array() && want.size() == have.size()) {
      for (std::size_t index = 0; index < want.size(); ++index) {
        if (self(self, want[index], have[index])) {
          return true;
        }
      }
      return false;
    }
    return want != have;
  };
  std::vector<std::string> fields;
  const json& spec = at(wanted, "/spec");
  if (spec.is_object()) {
    for (const auto& [key, value] : spec.items()) {
      const bool fixed =
          std::find(mutable_fields.begin(), mutable_fields.end(), key) == mutable_fields.end();
      if (fixed && differs(differs, value, at(live, "/spec/" + key))) {
        fields.push_back("spec." + key);
      }
    }
  }
  return fields;
}

}  // namespace crossover::kube
