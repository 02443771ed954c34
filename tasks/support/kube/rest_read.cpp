#include <fmt/format.h>

#include <map>
#include <tuple>

#include "kube/rest_client.h"
#include "kube/status_error.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

/// From so many objects of one kind and namespace on, a list is cheaper than reading each.
constexpr std::size_t list_threshold = 8;
/// A namespace may hold far more than is looked for: no more than this is read to find it.
constexpr std::size_t list_limit = 500;

}  // namespace

std::string RestClient::list_path(const Resource& resource, const ListOptions& options) const {
  Resource scope = resource;
  scope.namespaced = resource.namespaced && !options.all_namespaces;
  std::string path = collection_path(scope, options.ns) + "?";
  if (!options.label_selector.empty()) {
    path += "labelSelector=" + http::encode_component(options.label_selector) + "&";
  }
  if (!options.field_selector.empty()) {
    path += "fieldSelector=" + http::encode_component(options.field_selector) + "&";
  }
  return path;
}

/// One list on its way through its pages.
struct RestClient::Listing {
  const ListRequest* request = nullptr;
  std::string plural;
  std::string base;
  std::string next;  ///< where the next page begins
  bool paged = true;
  bool done = false;

  Call call() const {
    Call call;
    call.path = base;
    if (paged) {
      call.path += fmt::format("limit={}", request->options.page);
      call.path += next.empty() ? "" : "&continue=" + http::encode_component(next);
    }
    return call;
  }
};

List RestClient::list(const std::string& api_version, const std::string& kind,
                      const ListOptions& options) {
  const ListRequest request{api_version, kind, options};
  ListOutcome outcome = std::move(list_all({&request, 1}).front());
  if (outcome.error) {
    throw *outcome.error;
  }
  return std::move(outcome.list);
}

std::vector<ListOutcome> RestClient::list_all(std::span<const ListRequest> requests) {
  std::vector<ListOutcome> outcomes(requests.size());
  std::vector<Listing> listings(requests.size());
  for (std::size_t index = 0; index < requests.size(); ++index) {
    const ListRequest& request = requests[index];
    Listing& listing = listings[index];
    listing.request = &request;
    listing.paged = request.options.page > 0;
    try {
      const Resource resource = this->resource(request.api_version, request.kind);
      listing.plural = resource.plural;
      listing.base = list_path(resource, request.options);
    } catch (const Error& error) {
      outcomes[index].error = error;
      listing.done = true;
    }
  }
  while (true) {
    std::vector<Call> calls;
    std::vector<std::size_t> open;
    for (std::size_t index = 0; index < listings.size(); ++index) {
      if (!listings[index].done) {
        calls.push_back(listings[index].call());
        open.push_back(index);
      }
    }
    if (open.empty()) {
      return outcomes;
    }
    std::vector<Answer> answers = transport_.send_all(calls);
    for (std::size_t slot = 0; slot < open.size(); ++slot) {
      continue_list(listings[open[slot]], outcomes[open[slot]], answers[slot]);
      answers[slot] = {};
    }
  }
}

void RestClient::continue_list(Listing& listing, ListOutcome& outcome, const Answer& answer) const {
  if (answer.status == 410 && !listing.next.empty()) {
    // The version that the pages are of is gone: take all in one piece, as client-go does.
    outcome.list.items.clear();
    listing.next.clear();
    listing.paged = false;
    return;
  }
  try {
    json page = accepted(answer, "list", listing.plural);
    for (json& item : page["items"]) {
      item["apiVersion"] = listing.request->api_version;
      item["kind"] = listing.request->kind;
      outcome.list.items.push_back(std::move(item));
    }
    outcome.list.resource_version = text_at(page, "/metadata/resourceVersion");
    listing.next = text_at(page, "/metadata/continue");
    listing.done = listing.next.empty();
  } catch (const Error& error) {
    outcome.error = error;
    listing.done = true;
  }
}

std::optional<json> RestClient::find(const Ref& ref) {
  return std::move(find_all({&ref, 1}).front());
}

std::vector<std::optional<json>> RestClient::find_all(std::span<const Ref> refs) {
  std::vector<Target> targets;
  targets.reserve(refs.size());
  for (const Ref& ref : refs) {
    targets.push_back({ref, resource(ref.api_version, ref.kind)});
  }
  return read_all(targets);
}

std::vector<RestClient::Reading> RestClient::readings_of(std::span<const Target> targets) const {
  std::map<std::tuple<std::string, std::string, std::string>, Reading> groups;
  for (std::size_t index = 0; index < targets.size(); ++index) {
    const auto& [ref, resource] = targets[index];
    groups[{ref.api_version, ref.kind, ref.ns.empty() ? own_namespace() : ref.ns}].push_back(index);
  }
  std::vector<Reading> readings;
  for (auto& [place, group] : groups) {
    if (group.size() >= list_threshold) {
      readings.push_back(std::move(group));
      continue;
    }
    for (const std::size_t index : group) {
      readings.push_back({index});
    }
  }
  return readings;
}

std::vector<std::optional<json>> RestClient::read_all(std::span<const Target> targets) {
  std::vector<std::optional<json>> objects(targets.size());
  std::vector<Reading> readings = readings_of(targets);
  while (!readings.empty()) {
    std::vector<Call> calls(readings.size());
    for (std::size_t slot = 0; slot < readings.size(); ++slot) {
      const Target& target = targets[readings[slot].front()];
      calls[slot].path =
          readings[slot].size() == 1
              ? object_path(target.resource, target.ref)
              : fmt::format("{}?limit={}", collection_path(target.resource, target.ref.ns),
                            list_limit);
    }
    const std::vector<Answer> answers = transport_.send_all(calls);
    std::vector<Reading> rest;
    for (std::size_t slot = 0; slot < readings.size(); ++slot) {
      const Reading& reading = readings[slot];
      if (reading.size() > 1) {
        for (const std::size_t index : take_listed(targets, reading, answers[slot], objects)) {
          rest.push_back({index});
        }
      } else if (answers[slot].status != 404) {
        const std::size_t index = reading.front();
        objects[index] = accepted(answers[slot], "read", targets[index].ref.text());
      }
    }
    readings = std::move(rest);
  }
  return objects;
}

RestClient::Reading RestClient::take_listed(std::span<const Target> targets, const Reading& reading,
                                            const Answer& answer,
                                            std::vector<std::optional<json>>& objects) {
  json page = answer.ok() ? json::parse(answer.body, nullptr, false) : json();
  if (!page.is_object() || !at(page, "/items").is_array()) {
    return reading;  // who may read each need not be allowed to list
  }
  std::map<std::string, json*> listed;
  for (json& item : page["items"]) {
    listed[text_at(item, "/metadata/name")] = &item;
  }
  const bool complete = text_at(page, "/metadata/continue").empty();
  Reading unknown;
  for (const std::size_t index : reading) {
    const Ref& ref = targets[index].ref;
    if (const auto found = listed.find(ref.name); found != listed.end()) {
      objects[index] = *found->second;
      (*objects[index])["apiVersion"] = ref.api_version;
      (*objects[index])["kind"] = ref.kind;
    } else if (!complete) {
      unknown.push_back(index);
    }
  }
  return unknown;
}

}  // namespace crossover::kube
