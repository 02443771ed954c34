#include "kube/exec.h"

#include <fmt/format.h>
#include <poll.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "http/client.h"
#include "http/websocket.h"
#include "kube/kubeconfig.h"
#include "kube/object.h"
#include "kube/status_error.h"
#include "kube/transport.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr char stdin_channel = 0;
constexpr char stdout_channel = 1;
constexpr char stderr_channel = 2;
constexpr char status_channel = 3;

std::string path_of(const std::string& ns, const ExecRequest& request) {
  std::string path = fmt::format("/api/v1/namespaces/{}/pods/{}/exec?stdout=true&stderr=true{}",
                                 http::encode_component(ns), http::encode_component(request.pod),
                                 request.input.empty() ? "" : "&stdin=true");
  if (!request.container.empty()) {
    path += "&container=" + http::encode_component(request.container);
  }
  for (const std::string& argument : request.command) {
    path += "&command=" + http::encode_component(argument);
  }
  return path;
}

std::string what(const ExecRequest& request) {
  return fmt::format("unable to run '{}' in 'pod/{}'",
                     request.command.empty() ? "" : request.command.front(), request.pod);
}

std::unique_ptr<http::WebSocket> open(Transport& transport, const ExecRequest& request) {
  try {
    return transport.open_websocket(path_of(transport.access().ns, request), "v4.channel.k8s.io");
  } catch (const Error& error) {
    if (error.http_status() == 0) {
      throw;
    }
    const std::size_t body = error.message().find('{');
    throw status_error(error.http_status(),
                       body == std::string::npos ? error.message() : error.message().substr(body),
                       "run a command in", "pod/" + request.pod, transport.access().source);
  }
}

void keep(std::string& text, std::string_view more, std::size_t limit) {
  text.append(more.substr(0, limit - std::min(limit, text.size())));
}

}  // namespace

int exit_code_of(const std::string& status, std::string& cause) {
  const json object = json::parse(status, nullptr, false);
  if (text_at(object, "/status") == "Success") {
    return 0;
  }
  for (const json& entry : at(object, "/details/causes")) {
    const std::string code = text_at(entry, "/message");
    if (text_at(entry, "/reason") == "ExitCode" && !code.empty() && code.size() < 4 &&
        code.find_first_not_of("0123456789") == std::string::npos) {
      return std::stoi(code);
    }
  }
  cause = text_at(object, "/message");
  if (cause.empty()) {
    cause = "the server told no result";
  }
  return -1;
}

ExecOutcome exec(const ConnectOptions& connection, const ExecRequest& request, const Clock& clock,
                 const StopRequest& stop) {
  Transport transport(find_access(connection, real_surroundings()), {}, clock);
  const std::unique_ptr<http::WebSocket> socket = open(transport, request);
  if (!request.input.empty()) {
    socket->send({&stdin_channel, 1}, request.input.reveal());
  }
  const Deadline deadline(clock, request.timeout);
  ExecOutcome outcome;
  std::string status;
  std::string message;
  while (true) {
    const http::WebSocket::Received received = socket->receive(message);
    if (received == http::WebSocket::Received::closed) {
      break;
    }
    if (received == http::WebSocket::Received::nothing) {
      stop.throw_if_requested();
      if (deadline.passed()) {
        throw Error(ErrorKind::timeout, fmt::format("{}: no end after {:g} s", what(request),
                                                    seconds(request.timeout)));
      }
      pollfd ready{socket->descriptor(),
                   static_cast<short>(POLLIN | (socket->wants_write() ? POLLOUT : 0)), 0};
      ::poll(&ready, 1, 200);
      socket->flush();
      continue;
    }
    const char channel = message.empty() ? '\xff' : message.front();
    const std::string_view content =
        message.empty() ? std::string_view() : std::string_view(message).substr(1);
    if (channel == stdout_channel) {
      keep(outcome.out, content, request.output_limit);
    } else if (channel == stderr_channel) {
      keep(outcome.err, content, request.output_limit);
    } else if (channel == status_channel) {
      status.append(content);
    }
  }
  std::string cause;
  outcome.exit_code = exit_code_of(status, cause);
  if (outcome.exit_code < 0) {
    throw Error(ErrorKind::failure, fmt::format("{}: {}", what(request), cause));
  }
  return outcome;
}

}  // namespace crossover::kube
