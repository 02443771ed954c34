#include "endpoints/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>

#include "base/error.h"
#include "document/template.h"
#include "http/client.h"

namespace crossover::endpoints {

namespace {

using cli::CheckOutcome;
using config::EndpointCheck;

constexpr auto answer_timeout = std::chrono::seconds(10);
constexpr double milliseconds = 1000.0;

Secret token_of(const EndpointCheck& check) {
  if (check.token_env.empty()) {
    return {};
  }
  const char* value = std::getenv(check.token_env.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to call '{}': the environment variable '{}' is not set",
                            check.name, check.token_env),
                "it holds the bearer token of a user who may call it");
  }
  return Secret(value);
}

class Calls {
 public:
  Calls(const cli::TaskContext& context, const Place& place)
      : context_(context), place_(place), client_(http::make_client(client_options())) {
    table_.title = "answers";
    table_.columns = {"check", "method", "path", "status", "ms", "outcome"};
  }

  /// Log-ins are looked up for all before anything is sent.
  void add(EndpointCheck wanted) {
    const EndpointCheck& check = checks_.emplace_back(std::move(wanted));
    http::Request request = to(check.method, check.path);
    for (const auto& header : check.request_headers) {
      request.headers.push_back(header);
    }
    request.body = check.body;
    request.bearer = token_of(check);
    (check.writes ? writes_ : reads_).push_back({&check, std::move(request)});
  }

  void run(const std::function<void()>& before_writes) {
    std::vector<http::Request> requests;
    for (const Call& call : reads_) {
      requests.push_back(call.request);
    }
    const std::vector<http::Outcome> outcomes = client_->send_all(requests);
    for (std::size_t index = 0; index < reads_.size(); ++index) {
      judge(*reads_[index].check, outcomes[index]);
    }
    try {
      write(before_writes);
    } catch (...) {
      tell_latencies();
      throw;
    }
    tell_latencies();
  }

 private:
  struct Call {
    const EndpointCheck* check;
    http::Request request;
  };

  void write(const std::function<void()>& before_writes) {
    if (!writes_.empty() && before_writes) {
      before_writes();
    }
    for (const Call& call : writes_) {
      context_.stop().throw_if_requested();
      const http::Outcome outcome = client_->send_all({&call.request, 1}).front();
      judge(*call.check, outcome);
      clean_up(call, outcome);
    }
  }

  http::ClientOptions client_options() const {
    http::ClientOptions options;
    options.parallel = static_cast<std::size_t>(context_.config().verify.parallel);
    options.connections_per_host = options.parallel;
    options.tls.server_name = place_.server_name;
    options.use_environment_proxy = !place_.local;
    return options;
  }

  http::Request to(const std::string& method, const std::string& path) const {
    http::Request request;
    request.method = method;
    request.url = place_.base_url + path;
    if (!place_.host.empty()) {
      request.headers.emplace_back("Host", place_.host);
    }
    request.timeout = context_.timeout(answer_timeout);
    return request;
  }

  void judge(const EndpointCheck& check, const http::Outcome& outcome) {
    const std::vector<std::string> wrong = outcome.error
                                               ? std::vector<std::string>{outcome.error->text()}
                                               : differences(check, outcome.response);
    const double latency = seconds(outcome.response.latency);
    if (!outcome.error) {
      latencies_.push_back(latency);
    }
    table_.rows.push_back({check.name, check.method, check.path,
                           outcome.error ? "" : std::to_string(outcome.response.status),
                           fmt::format("{:.1f}", latency * milliseconds),
                           wrong.empty() ? "pass" : "fail"});
    context_.result().add_check(
        check.name, wrong.empty() ? CheckOutcome::pass : CheckOutcome::fail,
        wrong.empty() ? std::string() : fmt::format("{}", fmt::join(wrong, "; ")));
  }

  /// Also when the answer was not the wanted one: the write may have been done.
  void clean_up(const Call& call, const http::Outcome& outcome) {
    if (!call.check->cleanup || outcome.error) {
      return;
    }
    constexpr int first_error = 400;
    const std::string name = call.check->name + " clean-up";
    try {
      http::Request request = to(call.check->cleanup->method,
                                 fill_path(call.check->cleanup->path, outcome.response.body));
      request.bearer = call.request.bearer;
      const http::Response response = client_->send(request);
      context_.result().add_check(
          name, response.status < first_error ? CheckOutcome::pass : CheckOutcome::fail,
          fmt::format("status {}", response.status));
    } catch (const Error& error) {
      context_.result().add_check(name, CheckOutcome::fail, error.text());
    }
  }

  void tell_latencies() {
    std::ranges::sort(latencies_);
    if (!latencies_.empty()) {
      context_.result().set_metric("latency_median_seconds", latencies_[latencies_.size() / 2]);
      context_.result().set_metric("latency_max_seconds", latencies_.back());
    }
    context_.result().set_metric("requests", static_cast<std::int64_t>(table_.rows.size()));
    if (!table_.rows.empty()) {
      context_.result().add_table(std::move(table_));
    }
  }

  const cli::TaskContext& context_;
  const Place& place_;
  std::unique_ptr<http::Client> client_;
  std::deque<EndpointCheck> checks_;  // never moved: calls point at them
  std::vector<Call> reads_;
  std::vector<Call> writes_;
  std::vector<double> latencies_;
  cli::Table table_;
};

}  // namespace

void call(const cli::TaskContext& context, const Place& place, const CallPlan& plan) {
  const config::Verify& verify = context.config().verify;
  refuse_wrong_checks(verify.endpoints);
  Calls calls(context, place);
  for (const EndpointCheck& check : verify.endpoints) {
    const std::string reason = reason_to_skip(check, plan.rules);
    if (reason.empty()) {
      calls.add(with_token(check, plan.token));
    } else {
      context.result().add_check(check.name, CheckOutcome::skip, reason);
    }
  }
  calls.run(plan.before_writes);
}

std::string new_token() {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t length = 20;  // some 103 bits
  std::string token = "crossover-";
  for (std::size_t i = 0; i < length; ++i) {
    token += letters[document::secure_random_below(letters.size())];
  }
  return token;
}

}  // namespace crossover::endpoints
