#include "kube/client.h"

#include <fmt/format.h>

#include <algorithm>

namespace crossover::kube {

nlohmann::json Client::get(const Ref& ref) {
  std::optional<nlohmann::json> object = find(ref);
  if (!object) {
    const bool namespaced = resource(ref.api_version, ref.kind).namespaced;
    const std::string& ns = ref.ns.empty() ? own_namespace() : ref.ns;
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read '{}'{}: it does not exist", ref.text(),
                            namespaced ? " in namespace '" + ns + "'" : ""))
        .set_http_status(404);
  }
  return std::move(*object);
}

nlohmann::json Client::get(const std::string& api_version, const std::string& kind,
                           const std::string& name, const std::string& ns) {
  return get(Ref{api_version, kind, ns, name});
}

List Client::list(const std::string& api_version, const std::string& kind,
                  const std::string& label_selector, const std::string& ns) {
  ListOptions options;
  options.label_selector = label_selector;
  options.ns = ns;
  return list(api_version, kind, options);
}

bool in_doubt(const Error& error) {
  return error.kind() == ErrorKind::failure || error.kind() == ErrorKind::timeout;
}

nlohmann::json wait_until(Client& client, const Ref& ref, std::string_view what,
                          const std::function<bool(const nlohmann::json&)>& done, Duration timeout,
                          const StopRequest& stop) {
  ListOptions options;
  options.ns = ref.ns;
  options.field_selector = "metadata.name=" + ref.name;
  nlohmann::json current = client.find(ref).value_or(nlohmann::json());
  if (done(current)) {
    return current;
  }
  const bool reached =
      client.watch(ref.api_version, ref.kind, options, timeout, stop, [&](const WatchEvent& event) {
        const bool there = event.type == WatchType::added || event.type == WatchType::modified;
        current = there ? event.object : nlohmann::json();
        // A re-list tells nothing yet of what is there.
        return event.type == WatchType::relisted || !done(current);
      });
  stop.throw_if_requested();
  if (!reached) {
    throw Error(ErrorKind::timeout, fmt::format("unable to wait for '{}': not {} within {:g} s",
                                                ref.text(), what, seconds(timeout)));
  }
  return current;
}

void wait_gone(Client& client, std::span<const Ref> refs, Duration timeout, const Clock& clock,
               const StopRequest& stop) {
  std::vector<Ref> left(refs.begin(), refs.end());
  const Deadline deadline(clock, timeout);
  Duration pause = std::chrono::milliseconds(100);
  while (true) {
    const std::vector<std::optional<nlohmann::json>> found = client.find_all(left);
    std::size_t index = 0;
    std::erase_if(left, [&](const Ref&) { return !found[index++]; });
    if (left.empty()) {
      return;
    }
    stop.throw_if_requested();
    if (deadline.passed()) {
      const auto still = std::find_if(found.begin(), found.end(),
                                      [](const auto& object) { return object.has_value(); });
      const nlohmann::json& finalizers = at(**still, "/metadata/finalizers");
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to delete '{}': it is still there after {:g} s",
                              left.front().text(), seconds(timeout)),
                  finalizers.empty() ? "" : "its finalizers are " + finalizers.dump());
    }
    clock.sleep(pause);
    pause = std::min<Duration>(pause * 3 / 2, std::chrono::seconds(1));
  }
}

std::vector<nlohmann::json> events_of(Client& client, const nlohmann::json& object) {
  ListOptions options;
  options.ns = text_at(object, "/metadata/namespace");
  const std::string uid = text_at(object, "/metadata/uid");
  options.field_selector =
      uid.empty() ? fmt::format("involvedObject.kind={},involvedObject.name={}",
                                text_at(object, "/kind"), text_at(object, "/metadata/name"))
                  : "involvedObject.uid=" + uid;
  std::vector<nlohmann::json> events = client.list("v1", "Event", options).items;
  const auto time = [](const nlohmann::json& event) {
    for (const char* path : {"/series/lastObservedTime", "/lastTimestamp", "/eventTime",
                             "/metadata/creationTimestamp"}) {
      if (std::string text = text_at(event, path); !text.empty()) {
        return text;
      }
    }
    return std::string();
  };
  std::stable_sort(events.begin(), events.end(),
                   [&](const auto& left, const auto& right) { return time(left) < time(right); });
  return events;
}

}  // namespace crossover::kube
