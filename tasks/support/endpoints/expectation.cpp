#include "endpoints/expectation.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace crossover::endpoints {

namespace {

using nlohmann::json;

constexpr std::size_t shown_limit = 120;

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > shown_limit) {
    text.resize(shown_limit);
    text += "...";
  }
  return text;
}

void compare_json(const config::EndpointCheck& check, const std::string& body,
                  std::vector<std::string>& found) {
  const json answer = json::parse(body, nullptr, false);
  if (answer.is_discarded()) {
    found.emplace_back("the answer is not JSON");
    return;
  }
  for (const auto& [path, wanted] : check.json) {
    const json::json_pointer pointer(path);
    if (!answer.contains(pointer)) {
      found.push_back(fmt::format("'{}' is missing", path));
    } else if (answer.at(pointer) != wanted) {
      found.push_back(
          fmt::format("'{}' is {}, not {}", path, shown(answer.at(pointer)), shown(wanted)));
    }
  }
}

Error refusal(const config::EndpointCheck& check, std::string_view cause) {
  return {ErrorKind::usage,
          fmt::format("unable to call '{}': an anonymous check {}", check.name, cause),
          "set 'phase: full' for this check"};
}

}  // namespace

std::string reason_to_skip(const config::EndpointCheck& check, const CallRules& rules) {
  if (check.phase == config::Phase::full && rules.phase == config::Phase::anonymous) {
    return "belongs to phase full";
  }
  // A login may write a user's record, which the gate of the new database refuses.
  if (rules.on_check_copy && (check.writes || !check.token_env.empty())) {
    return "writes, and the new database takes none before the switch";
  }
  if (check.writes && !rules.writes_allowed) {
    return "writes, and the switch has not been made (--allow-writes calls it all the same)";
  }
  return {};
}

void refuse_wrong_checks(const std::vector<config::EndpointCheck>& checks) {
  if (checks.empty()) {
    throw Error(ErrorKind::usage, "unable to check endpoints: 'verify.endpoints' is missing",
                "name the requests and what their answers must be there");
  }
  for (const config::EndpointCheck& check : checks) {
    if (check.phase == config::Phase::anonymous) {
      if (check.method != "GET" && check.method != "HEAD") {
        throw refusal(check, fmt::format("may use GET and HEAD, not {}", check.method));
      }
      if (check.writes) {
        throw refusal(check, "may not write");
      }
      if (!check.token_env.empty()) {
        throw refusal(check, "may not log in");
      }
    }
    for (const auto& [path, wanted] : check.json) {
      try {
        const json::json_pointer pointer(path);
      } catch (const json::exception&) {
        throw Error(ErrorKind::usage,
                    fmt::format("unable to call '{}': '{}' is no JSON pointer", check.name, path),
                    "write it as '/member/0'");
      }
    }
  }
}

std::vector<std::string> differences(const config::EndpointCheck& check,
                                     const http::Response& response) {
  std::vector<std::string> found;
  if (response.status != check.status) {
    found.push_back(fmt::format("status {}, not {}", response.status, check.status));
  }
  for (const auto& [name, wanted] : check.headers) {
    const std::string* value = response.header(name);
    if (value == nullptr) {
      found.push_back(fmt::format("header '{}' is missing", name));
    } else if (*value != wanted) {
      found.push_back(fmt::format("header '{}' is '{}', not '{}'", name, *value, wanted));
    }
  }
  if (!check.json.empty()) {
    compare_json(check, response.body, found);
  }
  return found;
}

config::EndpointCheck with_token(config::EndpointCheck check, const std::string& word) {
  constexpr std::string_view place = "{token}";
  const auto fill = [&](std::string& text) {
    for (std::size_t at = text.find(place); at != std::string::npos;
         at = text.find(place, at + word.size())) {
      text.replace(at, place.size(), word);
    }
  };
  fill(check.path);
  fill(check.body);
  for (auto& [name, value] : check.request_headers) {
    fill(value);
  }
  if (check.cleanup) {
    fill(check.cleanup->path);
  }
  return check;
}

std::string fill_path(const std::string& path, std::string_view answer) {
  const json document = json::parse(answer, nullptr, false);
  std::string filled;
  std::size_t at = 0;
  for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{', at)) {
    const std::size_t close = path.find('}', open);
    if (close == std::string::npos) {
      break;
    }
    filled += path.substr(at, open - at);
    const std::string name = path.substr(open + 1, close - open - 1);
    if (!name.starts_with('/') || document.is_discarded() ||
        !document.contains(json::json_pointer(name))) {
      throw Error(ErrorKind::failure,
                  fmt::format("unable to fill in '{}': the answer has no '{}'", path, name));
    }
    const json& value = document.at(json::json_pointer(name));
    filled += http::encode_component(value.is_string() ? value.get<std::string>() : value.dump());
    at = close + 1;
  }
  return filled + path.substr(at);
}

}  // namespace crossover::endpoints
