#include "kube/evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/retry.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr auto append_budget = std::chrono::seconds(10);
constexpr const char* entries_key = "entries";

std::vector<json> entries_in(const json& config_map) {
  std::vector<json> entries;
  const std::string text = text_at(config_map, fmt::format("/data/{}", entries_key));
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    json entry = json::parse(text.substr(from, end - from), nullptr, false);
    if (entry.is_object()) {
      entries.push_back(std::move(entry));
    }
    from = end + 1;
  }
  return entries;
}

std::string* longest_string(json& value) {
  std::string* longest = nullptr;
  if (value.is_string()) {
    return value.get_ptr<std::string*>();
  }
  if (value.is_structured()) {
    for (json& element : value) {
      std::string* candidate = longest_string(element);
      if (candidate != nullptr && (longest == nullptr || candidate->size() > longest->size())) {
        longest = candidate;
      }
    }
  }
  return longest;
}

/// Not inside a UTF-8 character.
std::size_t boundary(const std::string& text, std::size_t size) {
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) {
    --size;
  }
  return size;
}

}  // namespace

json fit_entry(json entry, std::size_t limit) {
  constexpr std::string_view mark = "...";
  constexpr std::size_t shortest = 16;
  const auto size = [&entry] {
    return entry.dump(-1, ' ', false, json::error_handler_t::replace).size();
  };
  while (size() > limit) {
    std::string* longest = longest_string(entry);
    if (longest == nullptr || longest->size() <= shortest) {
      return {{"outcome", "entry too long"}};
    }
    const std::size_t excess = size() - limit + mark.size();
    const std::size_t keep =
        longest->size() > excess + shortest ? longest->size() - excess : longest->size() / 2;
    longest->resize(boundary(*longest, keep > mark.size() ? keep - mark.size() : 0));
    *longest += mark;
  }
  return entry;
}

EvidenceLog::EvidenceLog(Client& client, std::string ns, std::string migration)
    : client_(client), ns_(std::move(ns)), migration_(std::move(migration)) {}

std::vector<json> EvidenceLog::read() const {
  const std::optional<json> config_map =
      client_.find({"v1", "ConfigMap", ns_, "crossover-" + migration_});
  return config_map ? entries_in(*config_map) : std::vector<json>();
}

void EvidenceLog::append(const json& entry) {
  const json fitted = fit_entry(entry, entry_limit);
  const SystemClock clock;
  const StopRequest never;  // what has happened is written down even when we are to end
  bool sent = false;
  std::size_t before = 0;  // how many like it were there when it was last sent
  retry(
      clock, never, RetryPolicy{append_budget},
      [&](const Error& error) {
        sent = sent && error.http_status() != 409;
        return error.http_status() == 409 || (sent && in_doubt(error));
      },
      [&] { append_once(fitted, sent, before); });
}

void EvidenceLog::append_once(const json& fitted, bool& sent, std::size_t& before) {
  const std::string name = "crossover-" + migration_;
  std::optional<json> config_map = client_.find({"v1", "ConfigMap", ns_, name});
  const bool fresh = !config_map;
  if (fresh) {
    config_map = json{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}};
    if (!ns_.empty()) {
      (*config_map)["metadata"]["namespace"] = ns_;
    }
  }
  std::vector<json> entries = entries_in(*config_map);
  const auto there = static_cast<std::size_t>(std::ranges::count(entries, fitted));
  if (sent && there > before) {
    return;  // only the answer was lost
  }
  before = there;
  entries.push_back(fitted);
  const std::size_t first = entries.size() > entries_kept ? entries.size() - entries_kept : 0;
  std::string text;
  for (std::size_t index = first; index < entries.size(); ++index) {
    text += entries[index].dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  (*config_map)["data"][entries_key] = text;
  sent = true;
  // The object was read with its resourceVersion, so that a rival's entry is never lost.
  fresh ? client_.create(*config_map) : client_.replace(*config_map);
}

}  // namespace crossover::kube
