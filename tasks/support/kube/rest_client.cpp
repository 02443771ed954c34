#include "kube/rest_client.h"

#include <fmt/format.h>

#include "http/websocket.h"
#include "kube/connect.h"
#include "kube/status_error.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr std::string_view port_protocol = "v4.channel.k8s.io";

std::string_view propagation_name(Propagation propagation) {
  switch (propagation) {
    case Propagation::background:
      return "Background";
    case Propagation::foreground:
      return "Foreground";
    case Propagation::orphan:
      return "Orphan";
  }
  return "Background";
}

const char* patch_content_type(PatchType type) {
  switch (type) {
    case PatchType::merge:
      return "application/merge-patch+json";
    case PatchType::json:
      return "application/json-patch+json";
    case PatchType::strategic:
      return "application/strategic-merge-patch+json";
  }
  return "application/merge-patch+json";
}

std::string write_query(const WriteOptions& options) {
  return fmt::format("?fieldManager={}{}", field_manager, options.dry_run ? "&dryRun=All" : "");
}

std::string subresource_path(const WriteOptions& options) {
  return options.subresource.empty() ? "" : "/" + options.subresource;
}

}  // namespace

RestClient::RestClient(const Access& access, const Transport::Settings& settings,
                       const Clock& clock)
    : clock_(clock), transport_(access, settings, clock), discovery_(transport_, clock) {}

std::string RestClient::collection_path(const Resource& resource, const std::string& ns) const {
  std::string path = resource.api_version.find('/') == std::string::npos ? "/api/" : "/apis/";
  path += resource.api_version;
  if (resource.namespaced) {
    path += "/namespaces/" + http::encode_component(ns.empty() ? own_namespace() : ns);
  }
  return path + "/" + resource.plural;
}

std::string RestClient::object_path(const Resource& resource, const Ref& ref) const {
  return collection_path(resource, ref.ns) + "/" + http::encode_component(ref.name);
}

json RestClient::accepted(const Answer& answer, std::string_view verb,
                          const std::string& object) const {
  if (!answer.ok()) {
    throw status_error(answer.status, answer.body, verb, object, transport_.access().source);
  }
  json document = json::parse(answer.body, nullptr, false);
  if (document.is_discarded()) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to {} '{}': the server's answer is not JSON", verb, object));
  }
  return document;
}

json RestClient::create(const json& object, const WriteOptions& options) {
  const std::string kind = text_at(object, "/kind");
  const Resource resource = this->resource(text_at(object, "/apiVersion"), kind);
  const std::string name = text_at(object, "/metadata/name");
  Call call;
  call.method = "POST";
  call.path = collection_path(resource, text_at(object, "/metadata/namespace"));
  if (!options.subresource.empty()) {
    call.path += "/" + http::encode_component(name) + subresource_path(options);
  }
  call.path += write_query(options) + "&fieldValidation=Strict";
  call.body = object.dump();
  call.content_type = "application/json";
  call.timeout = options.timeout;
  call.idempotent = false;
  const Ref ref{{}, kind, {}, name.empty() ? text_at(object, "/metadata/generateName") : name};
  return accepted(transport_.send(call), "create", ref.text());
}

json RestClient::replace(const json& object, const WriteOptions& options) {
  const Ref ref = ref_of(object);
  Call call;
  call.method = "PUT";
  call.path = object_path(resource(ref.api_version, ref.kind), ref) + subresource_path(options) +
              write_query(options) + "&fieldValidation=Strict";
  call.body = object.dump();
  call.content_type = "application/json";
  call.timeout = options.timeout;
  // With a resourceVersion a second try of one that got through would be a conflict with ourselves.
  call.idempotent = text_at(object, "/metadata/resourceVersion").empty();
  return accepted(transport_.send(call), "replace", ref.text());
}

json RestClient::patch(const Ref& ref, PatchType type, const json& patch,
                       const WriteOptions& options) {
  Call call;
  call.method = "PATCH";
  call.path = object_path(resource(ref.api_version, ref.kind), ref) + subresource_path(options) +
              write_query(options);
  call.body = patch.dump();
  call.content_type = patch_content_type(type);
  call.timeout = options.timeout;
  call.idempotent = type == PatchType::merge && !at(patch, "/metadata/resourceVersion").is_string();
  return accepted(transport_.send(call), "change", ref.text());
}

bool RestClient::remove(const Ref& ref, const DeleteOptions& options) {
  json body = {{"apiVersion", "v1"},
               {"kind", "DeleteOptions"},
               {"propagationPolicy", propagation_name(options.propagation)}};
  if (!options.uid.empty()) {
    body["preconditions"]["uid"] = options.uid;
  }
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  if (options.dry_run) {
    body["dryRun"] = {"All"};
  }
  Call call;
  call.method = "DELETE";
  call.path = object_path(resource(ref.api_version, ref.kind), ref);
  call.body = body.dump();
  call.content_type = "application/json";
  const Answer answer = transport_.send(call);
  if (answer.status == 404) {
    return answer.repeated;
  }
  accepted(answer, "delete", ref.text());
  return true;
}

std::string RestClient::logs(const std::string& ns, const std::string& pod,
                             const LogOptions& options) {
  Call call;
  call.path = fmt::format("/api/v1/namespaces/{}/pods/{}/log?limitBytes={}",
                          http::encode_component(ns.empty() ? own_namespace() : ns),
                          http::encode_component(pod), options.limit_bytes);
  if (!options.container.empty()) {
    call.path += "&container=" + http::encode_component(options.container);
  }
  if (options.previous) {
    call.path += "&previous=true";
  }
  if (options.tail_lines > 0) {
    call.path += fmt::format("&tailLines={}", options.tail_lines);
  }
  call.accept = "*/*";
  Answer answer = transport_.send(call);
  if (!answer.ok()) {
    throw status_error(answer.status, answer.body, "read log of", "pod/" + pod,
                       transport_.access().source);
  }
  return std::move(answer.body);
}

std::unique_ptr<http::WebSocket> RestClient::open_port(const std::string& ns,
                                                       const std::string& pod, int port) {
  const std::string path = fmt::format("/api/v1/namespaces/{}/pods/{}/portforward?ports={}",
                                       http::encode_component(ns.empty() ? own_namespace() : ns),
                                       http::encode_component(pod), port);
  try {
    return transport_.open_websocket(path, port_protocol);
  } catch (const Error& error) {
    if (error.http_status() == 0) {
      throw;
    }
    const std::size_t body = error.message().find('{');
    throw status_error(error.http_status(),
                       body == std::string::npos ? error.message() : error.message().substr(body),
                       "forward to", "pod/" + pod, transport_.access().source);
  }
}

json RestClient::raw(const std::string& path) {
  Call call;
  call.path = path;
  return accepted(transport_.send(call), "read", path);
}

std::unique_ptr<Client> connect(const ConnectOptions& options, Log& log) {
  static const SystemClock clock;
  const Access access = find_access(options, real_surroundings());
  if (!access.tls.verify) {
    log.warning("the certificate of '{}' is not verified (insecure-skip-tls-verify in {})",
                access.server, access.source);
  }
  Transport::Settings settings;
  settings.user_agent = options.user_agent;
  return std::make_unique<RestClient>(access, settings, clock);
}

}  // namespace crossover::kube
