#include "kube/transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "base/retry.h"
#include "http/websocket.h"

namespace crossover::kube {

namespace {

constexpr auto longest_pause = std::chrono::seconds(10);

bool worth_retrying(int status, const Call& call, const http::Response& response) {
  const bool told_when = response.header("Retry-After") != nullptr;
  switch (status) {
    case 429:
      return true;
    case 500:
      return call.idempotent && told_when;
    case 503:
      return call.idempotent || told_when;
    case 502:
    case 504:
      return call.idempotent;
    default:
      return false;
  }
}

Duration pause_for(const http::Response& response, int attempt) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const RetryPolicy policy{std::chrono::hours(1), std::chrono::milliseconds(100)};
  Duration pause = retry_pause(policy, attempt, std::uniform_real_distribution<>(0, 1)(random));
  if (const std::string* after = response.header("Retry-After"); after != nullptr) {
    pause = std::max<Duration>(pause, std::chrono::seconds(std::atol(after->c_str())));
  }
  return std::min<Duration>(pause, longest_pause);
}

}  // namespace

Transport::Transport(const Access& access, const Settings& settings, const Clock& clock)
    : access_(access), settings_(settings), clock_(clock), credentials_(access, clock) {}

http::ClientOptions Transport::client_options(const Credential& credential) const {
  http::ClientOptions options;
  options.tls = access_.tls;
  options.tls.certificate_pem = credential.certificate_pem;
  options.tls.key_pem = credential.key_pem;
  options.proxy = access_.proxy;
  options.user_agent = settings_.user_agent;
  options.parallel = settings_.parallel;
  return options;
}

Transport::Line Transport::line() {
  Line line;
  line.credential = credentials_.current();
  const std::lock_guard lock(mutex_);
  if (!client_ || client_certificate_ != line.credential.certificate_pem) {
    client_ = http::make_client(client_options(line.credential));
    client_certificate_ = line.credential.certificate_pem;
  }
  line.client = client_;
  return line;
}

http::Request Transport::request(const Call& call, const Credential& credential) const {
  http::Request request;
  request.method = call.method;
  request.url = access_.server + call.path;
  request.body = call.body;
  request.timeout = call.timeout;
  request.headers.emplace_back("Accept", call.accept);
  if (!call.content_type.empty()) {
    request.headers.emplace_back("Content-Type", call.content_type);
  }
  if (!credential.token.empty()) {
    request.bearer = credential.token;
  } else if (!credential.basic.empty()) {
    request.headers.emplace_back("Authorization",
                                 "Basic " + base64_encode(credential.basic.reveal()));
  }
  return request;
}

std::vector<Answer> Transport::send_all(std::span<const Call> calls) {
  std::vector<Answer> answers(calls.size());
  std::vector<std::size_t> open(calls.size());
  for (std::size_t index = 0; index < open.size(); ++index) {
    open[index] = index;
  }
  Duration budget = settings_.retry_budget;
  for (const Call& call : calls) {
    budget = call.timeout > Duration::zero() ? std::min(budget, call.timeout) : budget;
  }
  const Deadline deadline(clock_, budget);
  bool refreshed = false;
  for (int attempt = 1; !open.empty(); ++attempt) {
    const Line line = this->line();
    std::vector<http::Request> requests;
    requests.reserve(open.size());
    for (const std::size_t index : open) {
      requests.push_back(request(calls[index], line.credential));
    }
    std::vector<http::Outcome> outcomes = line.client->send_all(requests);
    std::vector<std::size_t> again;
    Duration pause{};
    bool refused = false;
    for (std::size_t slot = 0; slot < open.size(); ++slot) {
      const Call& call = calls[open[slot]];
      http::Outcome& outcome = outcomes[slot];
      const int status = outcome.response.status;
      if (outcome.error) {
        const bool safe = call.idempotent || !outcome.maybe_sent;
        if (!safe || !reached_ || deadline.passed() ||
            outcome.error->kind() == ErrorKind::precondition) {
          reached_ = reached_ && !deadline.passed();
          throw *outcome.error;
        }
        pause = std::max(pause, pause_for(outcome.response, attempt));
        answers[open[slot]].repeated = answers[open[slot]].repeated || outcome.maybe_sent;
        again.push_back(open[slot]);
        continue;
      }
      reached_ = true;
      if (status == 401 && !refreshed) {
        refused = true;
        again.push_back(open[slot]);
      } else if (worth_retrying(status, call, outcome.response) && !deadline.passed()) {
        pause = std::max(pause, pause_for(outcome.response, attempt));
        again.push_back(open[slot]);
      }
      answers[open[slot]].status = status;
      answers[open[slot]].body = std::move(outcome.response.body);
    }
    if (refused) {
      refreshed = true;
      if (!credentials_.refresh(line.credential)) {
        std::erase_if(again, [&](std::size_t index) { return answers[index].status == 401; });
      }
    }
    open = std::move(again);
    if (!open.empty() && pause > Duration::zero()) {
      clock_.sleep(pause);
    }
  }
  return answers;
}

Answer Transport::send(const Call& call) {
  std::vector<Answer> answers = send_all({&call, 1});
  return std::move(answers.front());
}

Answer Transport::stream(const Call& call, const http::Client::OnData& on_data,
                         const http::Client::KeepGoing& keep_going) {
  for (bool refreshed = false;; refreshed = true) {
    const Line line = this->line();
    http::Response response =
        line.client->stream(request(call, line.credential), on_data, keep_going);
    if (response.status != 401 || refreshed || !credentials_.refresh(line.credential)) {
      return {response.status, std::move(response.body)};
    }
  }
}

std::unique_ptr<http::WebSocket> Transport::open_websocket(const std::string& path,
                                                           std::string_view subprotocol) {
  Call call;
  call.path = path;
  call.accept = "*/*";  // the subresource offers no media type at all
  for (bool refreshed = false;; refreshed = true) {
    const Line line = this->line();
    try {
      return http::open_websocket(client_options(line.credential), request(call, line.credential),
                                  subprotocol);
    } catch (const Error& error) {
      if (error.http_status() != 401 || refreshed || !credentials_.refresh(line.credential)) {
        throw;
      }
    }
  }
}

}  // namespace crossover::kube
