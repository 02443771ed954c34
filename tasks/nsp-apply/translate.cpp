#include "nsp-apply/translate.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "base/error.h"
#include "kube/object.h"

namespace crossover::nsp_apply {

namespace {

using nlohmann::json;

/// An entry of `source` or `destination`: all of its tags must hold.
struct Peer {
  json labels = json::object();
  json expressions = json::array();
  std::optional<std::string> ns;  ///< empty text: any
  std::vector<std::string> blocks;
  bool outside() const { return !blocks.empty(); }
};

using Networks = std::map<std::string, std::vector<std::string>>;

class Rule {
 public:
  Rule(const json& object, const Networks& networks) : object_(object), networks_(networks) {}

  std::vector<json> policies() const {
    std::vector<Peer> sources = peers("source");
    std::vector<json> made;
    for (const Peer& destination : peers("destination")) {
      if (!destination.outside()) {
        made.push_back(policy(destination, sources, made.size() + 1));
      }
    }
    return made;
  }

 private:
  [[noreturn]] void refuse(const std::string& cause) const {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to translate '{}': {}", kube::ref_of(object_).text(), cause),
                "write this rule as a NetworkPolicy, and take it out of the legacy template");
  }

  std::vector<Peer> peers(const char* side) const {
    const json& alternatives = kube::at(object_, fmt::format("/spec/{}", side));
    if (!alternatives.is_array() || alternatives.empty()) {
      refuse(fmt::format("it has no {}", side));
    }
    std::vector<Peer> found;
    for (const json& tags : alternatives) {
      if (!tags.is_array() || tags.empty()) {
        refuse(fmt::format("an entry of its {} is no list of tags", side));
      }
      Peer peer;
      for (const json& tag : tags) {
        if (!tag.is_string()) {
          refuse(fmt::format("an entry of its {} is no list of tags", side));
        }
        take(tag.get<std::string>(), peer);
      }
      const bool pods = !peer.labels.empty() || !peer.expressions.empty() || peer.ns;
      if (peer.outside() && pods) {
        refuse(fmt::format("an entry of its {} means pods and an external network at once", side));
      }
      found.push_back(std::move(peer));
    }
    return found;
  }

  void take(const std::string& tag, Peer& peer) const {
    const std::size_t equals = tag.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == tag.size()) {
      refuse(fmt::format("tag '{}' is not KEY=VALUE", tag));
    }
    const std::string key = tag.substr(0, equals);
    const std::string value = tag.substr(equals + 1);
    if (key == "$namespace") {
      peer.ns = value == "*" ? std::string() : value;
    } else if (key == "ext:network" || key == "ext:name") {
      const auto network = networks_.find(value);
      if (network == networks_.end()) {
        refuse(
            fmt::format("tag '{}' names an external network that is not among the objects", tag));
      }
      peer.blocks = network->second;
    } else if (key.find(':') != std::string::npos || key.front() == '$' || key.front() == '@') {
      refuse(fmt::format("tag '{}' selects by what is no label of a pod", tag));
    } else if (value == "*") {
      peer.expressions.push_back({{"key", key}, {"operator", "Exists"}});
    } else if (peer.labels.contains(key) && peer.labels[key] != value) {
      refuse(fmt::format("label '{}' cannot be '{}' and '{}' at once", key,
                         peer.labels[key].get<std::string>(), value));
    } else {
      peer.labels[key] = value;
    }
  }

  static json pod_selector(const Peer& peer) {
    json selector = json::object();
    if (!peer.labels.empty()) {
      selector["matchLabels"] = peer.labels;
    }
    if (!peer.expressions.empty()) {
      selector["matchExpressions"] = peer.expressions;
    }
    return selector;
  }

  json from(const std::vector<Peer>& sources, const std::string& policy_namespace) const {
    json list = json::array();
    const std::string own = kube::text_at(object_, "/metadata/namespace");
    for (const Peer& source : sources) {
      for (const std::string& block : source.blocks) {
        list.push_back({{"ipBlock", {{"cidr", block}}}});
      }
      if (source.outside()) {
        continue;
      }
      json peer = {{"podSelector", pod_selector(source)}};
      const std::string ns = source.ns.value_or(own);
      if (source.ns && ns.empty()) {
        peer["namespaceSelector"] = json::object();
      } else if (ns != policy_namespace) {
        peer["namespaceSelector"] = {{"matchLabels", {{"kubernetes.io/metadata.name", ns}}}};
      }
      list.push_back(std::move(peer));
    }
    return list;
  }

  json policy(const Peer& destination, const std::vector<Peer>& sources, std::size_t number) const {
    const std::string own = kube::text_at(object_, "/metadata/namespace");
    const std::string ns = destination.ns.value_or(own);
    if (destination.ns && ns.empty()) {
      refuse("its destination is in every namespace, and a NetworkPolicy stands in one");
    }
    json metadata = object_.at("metadata");
    if (number > 1) {
      metadata["name"] = fmt::format("{}-{}", metadata["name"].get<std::string>(), number);
    }
    if (!ns.empty()) {
      metadata["namespace"] = ns;
    }
    if (const std::string words = kube::text_at(object_, "/spec/description"); !words.empty()) {
      metadata["annotations"]["description"] = words;
    }
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "NetworkPolicy"},
            {"metadata", std::move(metadata)},
            {"spec",
             {{"podSelector", pod_selector(destination)},
              {"policyTypes", {"Ingress"}},
              {"ingress", {{{"from", from(sources, ns)}}}}}}};
  }

  const json& object_;
  const Networks& networks_;
};

Networks external_networks(const std::vector<json>& objects) {
  Networks networks{{"any", {"0.0.0.0/0", "::/0"}}};
  for (const json& object : objects) {
    if (is_legacy(object) && kube::text_at(object, "/kind") == "ExternalNetwork") {
      std::vector<std::string>& blocks = networks[kube::text_at(object, "/metadata/name")];
      for (const json& entry : kube::at(object, "/spec/entries")) {
        if (entry.is_string()) {
          blocks.push_back(entry.get<std::string>());
        }
      }
    }
  }
  std::erase_if(networks, [](const auto& network) { return network.second.empty(); });
  return networks;
}

}  // namespace

bool is_legacy(const json& object) {
  const std::string kind = kube::text_at(object, "/kind");
  return kube::text_at(object, "/apiVersion") == legacy_group &&
         (kind == "NetworkSecurityPolicy" || kind == "ExternalNetwork");
}

std::vector<json> translate(const std::vector<json>& objects) {
  const Networks networks = external_networks(objects);
  std::vector<json> result;
  for (const json& object : objects) {
    if (!is_legacy(object)) {
      result.push_back(object);
    } else if (kube::text_at(object, "/kind") == "NetworkSecurityPolicy") {
      for (json& policy : Rule(object, networks).policies()) {
        result.push_back(std::move(policy));
      }
    }
  }
  return result;
}

}  // namespace crossover::nsp_apply
