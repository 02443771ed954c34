#include "config/list_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "config/write_fields.h"

namespace crossover::config {
namespace {

std::string link(std::string_view type) {
  std::string anchor(type);
  std::ranges::transform(anchor, anchor.begin(), [](unsigned char letter) {
    return letter == ' ' ? '-' : static_cast<char>(std::tolower(letter));
  });
  return fmt::format("[{}](#{})", type, anchor);
}

std::string code(const std::string& text) {
  return text.empty() ? std::string() : fmt::format("`{}`", text);
}

}  // namespace

ListFields::ListFields() {
  sections_.push_back({"crossover.yaml", {}});
  frames_.push_back({0, ""});
}

void ListFields::add(Key key, std::string type, std::string standard, Help help) {
  const Frame& frame = frames_.back();
  sections_[frame.section].rows.push_back(
      {frame.prefix + std::string(key), std::move(type), std::move(standard), std::string(help)});
}

std::string ListFields::markdown() const {
  std::string page;
  for (const Section& section : sections_) {
    page += fmt::format("{}## {}\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
                        page.empty() ? "" : "\n", section.title);
    for (const Row& row : section.rows) {
      page += fmt::format("| `{}` | {} | {} | {} |\n", row.key, row.type, row.standard, row.help);
    }
  }
  return page;
}

void ListFields::text(Key key, std::string& value, Help help, Presence presence) {
  add(key, "text", presence == Presence::required ? "required" : code(value), help);
}

void ListFields::path(Key key, std::string& value, Help help) {
  add(key, "path", code(value), help);
}

void ListFields::integer(Key key, std::int64_t& value, std::int64_t least, std::int64_t most,
                         Help help) {
  add(key, fmt::format("{} to {}", least, most), code(std::to_string(value)), help);
}

void ListFields::boolean(Key key, bool& value, Help help) {
  add(key, "true, false", code(value ? "true" : "false"), help);
}

void ListFields::duration(Key key, Duration& value, Help help) {
  add(key, "duration", code(write_duration(value)), help);
}

void ListFields::bytes(Key key, std::uint64_t& value, Help help) {
  add(key, "size", code(write_bytes(value)), help);
}

void ListFields::texts(Key key, std::vector<std::string>& value, Help help) {
  add(key, "list of text", code(fmt::format("{}", fmt::join(value, " "))), help);
}

void ListFields::paths(Key key, std::vector<std::string>& value, Help help) {
  add(key, "list of paths", code(fmt::format("{}", fmt::join(value, " "))), help);
}

void ListFields::text_map(Key key, std::map<std::string, std::string>& /*value*/, Help help) {
  add(key, "name: text", "", help);
}

void ListFields::json_map(Key key, std::map<std::string, nlohmann::json>& /*value*/, Help help) {
  add(key, "name: value", "", help);
}

void ListFields::json_list(Key key, std::vector<nlohmann::json>& /*value*/, Help help) {
  add(key, "list of mappings", "", help);
}

void ListFields::word(Key key, std::string& value, const std::vector<std::string>& words,
                      Help help) {
  std::vector<std::string> shown;
  for (const std::string& candidate : words) {
    if (!candidate.empty()) {
      shown.push_back(candidate);
    }
  }
  add(key, fmt::format("{}", fmt::join(shown, ", ")), code(value), help);
}

bool ListFields::begin_type(std::string_view type) {
  if (std::ranges::any_of(sections_, [&](const Section& each) { return each.title == type; })) {
    return false;
  }
  sections_.push_back({std::string(type), {}});
  return true;
}

bool ListFields::open(Key key, bool /*present*/, std::string_view type, Help help) {
  if (!type.empty()) {
    add(key, link(type), "", help);
    if (!begin_type(type)) {
      return false;
    }
    frames_.push_back({sections_.size() - 1, ""});
    return true;
  }
  add(key, "mapping", "", help);
  frames_.push_back({frames_.back().section, fmt::format("{}{}.", frames_.back().prefix, key)});
  return true;
}

void ListFields::close() { frames_.pop_back(); }

std::size_t ListFields::list(Key key, std::size_t /*size*/, std::string_view type, Help help) {
  add(key, "list of " + link(type), "", help);
  return begin_type(type) ? 1 : 0;
}

void ListFields::open_item(Key /*key*/, std::size_t /*index*/) {
  frames_.push_back({sections_.size() - 1, ""});
}

std::vector<std::string> ListFields::names(Key key, std::vector<std::string> /*names*/,
                                           std::string_view type, Help help) {
  add(key, "name: " + link(type), "", help);
  return begin_type(type) ? std::vector<std::string>{"NAME"} : std::vector<std::string>{};
}

void ListFields::open_entry(Key /*key*/, const std::string& /*name*/) {
  frames_.push_back({sections_.size() - 1, ""});
}

}  // namespace crossover::config
