#include "kube/object.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace crossover::kube {

std::string Ref::text() const {
  std::string lower = kind;
  for (char& character : lower) {
    character = static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  }
  return lower + "/" + name;
}

Ref ref_of(const nlohmann::json& object) {
  Ref ref{text_at(object, "/apiVersion"), text_at(object, "/kind"),
          text_at(object, "/metadata/namespace"), text_at(object, "/metadata/name")};
  const auto require = [&ref](const std::string& value, std::string_view field) {
    if (value.empty()) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to use object '{}': it has no {}", ref.text(), field));
    }
  };
  require(ref.api_version, "apiVersion");
  require(ref.kind, "kind");
  require(ref.name, "metadata.name");
  return ref;
}

const nlohmann::json& at(const nlohmann::json& object, std::string_view path) {
  static const nlohmann::json none;
  const nlohmann::json* current = &object;
  std::size_t from = 0;
  while (from < path.size()) {
    const std::size_t next = std::min(path.find('/', from + 1), path.size());
    std::string key(path.substr(from + 1, next - from - 1));
    for (std::size_t tilde = key.find('~'); tilde != std::string::npos;
         tilde = key.find('~', tilde + 1)) {
      key.replace(tilde, 2, key.compare(tilde, 2, "~1") == 0 ? "/" : "~");
    }
    if (current->is_object()) {
      const auto found = current->find(key);
      if (found == current->end()) {
        return none;
      }
      current = &*found;
    } else if (current->is_array() && !key.empty() &&
               key.find_first_not_of("0123456789") == std::string::npos && key.size() < 10) {
      const std::size_t index = std::stoul(key);
      if (index >= current->size()) {
        return none;
      }
      current = &(*current)[index];
    } else {
      return none;
    }
    from = next;
  }
  return *current;
}

std::string text_at(const nlohmann::json& object, std::string_view path) {
  const nlohmann::json& value = at(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t integer_at(const nlohmann::json& object, std::string_view path,
                        std::int64_t otherwise) {
  const nlohmann::json& value = at(object, path);
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

namespace {

std::string entry_of(const nlohmann::json& map, std::string_view name) {
  if (!map.is_object()) {
    return {};
  }
  const auto found = map.find(name);
  return found != map.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string label(const nlohmann::json& object, std::string_view name) {
  return entry_of(at(object, "/metadata/labels"), name);
}

std::string annotation(const nlohmann::json& object, std::string_view name) {
  return entry_of(at(object, "/metadata/annotations"), name);
}

std::string selector_text(const nlohmann::json& labels) {
  std::string text;
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      text += text.empty() ? "" : ",";
      text += key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return text;
}

bool selects(const nlohmann::json& selector, const nlohmann::json& labels) {
  if (!selector.is_object() || selector.empty() || !labels.is_object()) {
    return false;
  }
  const auto items = selector.items();
  return std::all_of(items.begin(), items.end(), [&](const auto& item) {
    return labels.contains(item.key()) && labels[item.key()] == item.value();
  });
}

std::string secret_value(const nlohmann::json& secret, std::string_view key) {
  const nlohmann::json& data = at(secret, "/data");
  const std::string name = Ref{{}, "secret", {}, text_at(secret, "/metadata/name")}.text();
  if (!data.is_object() || !data.contains(key)) {
    std::string keys;
    if (data.is_object()) {
      for (const auto& [other, value] : data.items()) {
        keys += (keys.empty() ? "'" : ", '") + other + "'";
      }
    }
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read key '{}' of '{}': it is not there", key, name),
                keys.empty() ? "the secret is empty" : "its keys are " + keys);
  }
  try {
    return base64_decode(entry_of(data, key));
  } catch (Error&) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read key '{}' of '{}': it is not base64", key, name));
  }
}

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t index = 0; index < bytes.size(); index += 3) {
    const auto byte = [&](std::size_t offset) {
      return index + offset < bytes.size()
                 ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[index + offset]))
                 : 0U;
    };
    const std::uint32_t group = byte(0) << 16U | byte(1) << 8U | byte(2);
    text += alphabet[group >> 18U];
    text += alphabet[group >> 12U & 63U];
    text += index + 1 < bytes.size() ? alphabet[group >> 6U & 63U] : '=';
    text += index + 2 < bytes.size() ? alphabet[group & 63U] : '=';
  }
  return text;
}

std::string base64_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  unsigned bits = 0;
  std::size_t padding = 0;
  std::size_t digits = 0;
  for (const char character : text) {
    if (character == '\n' || character == '\r') {
      continue;
    }
    if (character == '=') {
      ++padding;
      continue;
    }
    const std::size_t value = alphabet.find(character);
    if (value == std::string_view::npos || padding > 0) {
      throw Error(ErrorKind::failure,
                  "unable to decode 'base64': it holds a character that is none");
    }
    ++digits;
    group = group << 6U | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(group >> bits & 0xffU);
    }
  }
  if ((digits + padding) % 4 != 0 || padding > 2) {
    throw Error(ErrorKind::failure, "unable to decode 'base64': its length is wrong");
  }
  return bytes;
}

}  // namespace crossover::kube
