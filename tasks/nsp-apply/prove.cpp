#include "nsp-apply/prove.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/error.h"
#include "kube/diagnose.h"
#include "kube/port_forward.h"
#include "nsp-apply/facts.h"
#include "resources/labels.h"
#include "resources/step.h"

namespace crossover::nsp_apply {

namespace {

using nlohmann::json;

constexpr auto probe_budget = std::chrono::minutes(2);
constexpr int seconds_to_answer = 5;

std::string path_text(const config::Probe& probe) {
  const config::Target& to = probe.to;
  const std::string target = !to.service.empty()    ? "service/" + to.service
                             : !to.selector.empty() ? "pods " + to.selector
                                                    : to.url;
  return to.url.empty() ? fmt::format("{} -> {}:{}", probe.from, target, to.port)
                        : fmt::format("{} -> {}", probe.from, target);
}

Address address_of_url(const std::string& url) {
  const bool tls = url.starts_with("https://");
  std::string rest = url.substr(url.find("://") + 3);
  rest = rest.substr(0, rest.find_first_of("/?"));
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string::npos || rest.back() == ']') {
    return {rest, tls ? 443 : 80};
  }
  return {rest.substr(0, colon), std::stoi(rest.substr(colon + 1))};
}

Address address_of(kube::Client& client, const config::Target& target) {
  if (!target.url.empty()) {
    return address_of_url(target.url);
  }
  kube::ForwardTarget pods{.ns = {},
                           .service = target.service,
                           .selector = target.selector,
                           .pod = {},
                           .port = std::to_string(target.port)};
  if (!target.service.empty()) {
    const std::string ip =
        kube::text_at(client.get("v1", "Service", target.service), "/spec/clusterIP");
    if (!ip.empty() && ip != "None") {
      return {ip, target.port};
    }
  }
  const kube::PodPort found = kube::resolve_target(client, pods);
  return {kube::text_at(client.get("v1", "Pod", found.pod, found.ns), "/status/podIP"), found.port};
}

std::string_view words(Outcome outcome) {
  switch (outcome) {
    case Outcome::open:
      return "open";
    case Outcome::refused:
      return "closed (refused)";
    case Outcome::no_answer:
      return "closed (no answer)";
    default:
      return "the probe failed";
  }
}

bool has_ended(const json& pod) {
  const std::string phase = kube::text_at(pod, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

/// The probing pods and the object that owns them; all gone when this dies.
class Probes {
 public:
  Probes(cli::TaskContext& context, kube::Client& client)
      : context_(context), client_(client), name_("crossover-probe-" + suffix(context.run_id())) {
    const json made = client_.create(
        {{"apiVersion", "v1"},
         {"kind", "ConfigMap"},
         {"metadata",
          {{"name", name_},
           {"labels", {{std::string(resources::part_label), resources::part_probe}}}}}});
    owner_ = {{"apiVersion", "v1"},
              {"kind", "ConfigMap"},
              {"name", name_},
              {"uid", kube::text_at(made, "/metadata/uid")},
              {"controller", true}};
  }
  ~Probes() {
    for (const std::string& pod : pods_) {
      remove({"v1", "Pod", {}, pod});
    }
    remove({"v1", "ConfigMap", {}, name_});
  }
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  void start(const config::Probe& probe) {
    const std::string name = fmt::format("{}-{}", name_, pods_.size());
    const json pod =
        probe_pod(probe, context_.config().image, address_of(client_, probe.to), name, owner_);
    pods_.push_back(name);
    client_.create(pod);
  }

  Outcome wait(std::size_t index, const Deadline& deadline) {
    const kube::Ref ref{"v1", "Pod", {}, pods_[index]};
    const json pod = kube::wait_until(
        client_, ref, "ended",
        [](const json& object) {
          if (const auto causes = kube::pod_causes(object); !has_ended(object) && !causes.empty()) {
            throw Error(ErrorKind::failure, fmt::format("unable to run '{}'", causes[0].text()),
                        "set network.prove[].image to an image with bash that the cluster has, or "
                        "'image' to Crossover's own");
          }
          return has_ended(object);
        },
        deadline.left(), context_.stop());
    return outcome_of(pod);
  }

 private:
  /// Names of objects are lower case; two runs must not meet.
  static std::string suffix(const std::string& run_id) {
    std::string text;
    for (const char letter : run_id) {
      if (std::isalnum(static_cast<unsigned char>(letter)) != 0 && text.size() < 12) {
        text += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
      }
    }
    return text.empty() ? "run" : text;
  }

  void remove(const kube::Ref& ref) noexcept {
    try {
      client_.remove(ref);
    } catch (const std::exception& error) {
      context_.log().warning("{} is left over: {}", ref.text(), error.what());
    }
  }

  cli::TaskContext& context_;
  kube::Client& client_;
  std::string name_;
  json owner_;
  std::vector<std::string> pods_;
};

json command(bool own, const Address& address) {
  const std::string port = std::to_string(address.port);
  if (own) {
    return {"nsp-apply", "prove",
            "--connect", fmt::format("{}:{}", address.host, port),
            "--timeout", fmt::format("{}s", seconds_to_answer)};
  }
  // $0 and $1, so that an address is never read as a part of the script.
  return {"timeout", std::to_string(seconds_to_answer), "bash",
          "-c",      "exec 3<>\"/dev/tcp/$0/$1\"",      address.host,
          port};
}

void judge(cli::TaskContext& context, const config::Probe& probe, Outcome outcome, bool before) {
  const bool wanted = probe.expect == config::Reachability::open;
  const std::string detail = fmt::format("{}, expected {}", words(outcome),
                                         config::word(config::reachabilities, probe.expect));
  if (outcome == Outcome::failed) {
    context.result().add_check(path_text(probe), cli::CheckOutcome::fail, detail);
  } else if (wanted == (outcome == Outcome::open)) {
    context.result().add_check(path_text(probe), cli::CheckOutcome::pass, detail);
  } else {
    context.result().add_check(path_text(probe),
                               before ? cli::CheckOutcome::warn : cli::CheckOutcome::fail, detail);
  }
}

}  // namespace

json probe_pod(const config::Probe& probe, const std::string& own_image, const Address& address,
               const std::string& name, const json& owner) {
  json labels = parse_selector(probe.from);
  labels[std::string(resources::part_label)] = resources::part_probe;
  const bool own = probe.image.empty();
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", name}, {"labels", labels}, {"ownerReferences", json::array({owner})}}},
      {"spec",
       {{"restartPolicy", "Never"},
        {"activeDeadlineSeconds", 120},
        {"terminationGracePeriodSeconds", 0},
        {"automountServiceAccountToken", false},
        {"enableServiceLinks", false},
        {"readinessGates", json::array({{{"conditionType", "crossover.dev/never-ready"}}})},
        {"containers", json::array({{{"name", "probe"},
                                     {"image", own ? own_image : probe.image},
                                     {"command", command(own, address)},
                                     {"resources",
                                      {{"requests", {{"cpu", "10m"}, {"memory", "16Mi"}}},
                                       {"limits", {{"memory", "64Mi"}}}}},
                                     {"securityContext",
                                      {{"allowPrivilegeEscalation", false},
                                       {"capabilities", {{"drop", json::array({"ALL"})}}},
                                       {"seccompProfile", {{"type", "RuntimeDefault"}}}}}}})}}}};
}

Outcome outcome_of(const json& pod) {
  if (kube::text_at(pod, "/status/phase") == "Succeeded") {
    return Outcome::open;
  }
  // 124 is timeout(1)'s, 6 that of an Error{timeout} of ours.
  switch (kube::integer_at(pod, "/status/containerStatuses/0/state/terminated/exitCode", -1)) {
    case 1:
      return Outcome::refused;
    case 6:
    case 124:
      return Outcome::no_answer;
    default:
      return Outcome::failed;
  }
}

void prove(cli::TaskContext& context) {
  const std::vector<config::Probe>& wanted = context.config().network.prove;
  if (wanted.empty()) {
    throw Error(ErrorKind::usage, "unable to use 'crossover.yaml': 'network.prove' is missing",
                "name the connections that must be open or closed");
  }
  for (const config::Probe& probe : wanted) {
    if (probe.image.empty()) {
      context.config().require(context.config().image, "image");
    }
    parse_selector(probe.from);
  }
  const bool before = context.options().flag("before");
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  Probes probes(context, *client);
  for (const config::Probe& probe : wanted) {
    probes.start(probe);
  }
  const Deadline deadline(context.clock(), context.timeout(probe_budget));
  for (std::size_t index = 0; index < wanted.size(); ++index) {
    judge(context, wanted[index], probes.wait(index, deadline), before);
  }
  context.result().throw_if_check_failed("prove", "network");
}

}  // namespace crossover::nsp_apply
