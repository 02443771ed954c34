#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <new>

#include "http/curl_handle.h"

namespace crossover::http {

namespace {

constexpr int poll_milliseconds = 200;

/// One request on its way.
struct Exchange {
  CurlHandle handle;
  const Request* request = nullptr;
  Response* response = nullptr;
  std::size_t index = 0;
  const Client::OnData* on_data = nullptr;
  bool ended_by_callback = false;
  bool* progress = nullptr;    // of the channel
  std::exception_ptr failure;  // from a callback of the caller: it must not pass through libcurl
};

bool is_success(int status) { return status >= 200 && status < 300; }

int status_of(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

std::size_t take_body(char* data, std::size_t /*size*/, std::size_t count, void* context) noexcept {
  auto& exchange = *static_cast<Exchange*>(context);
  *exchange.progress = true;
  try {
    const std::string_view chunk(data, count);
    if (exchange.on_data != nullptr && is_success(status_of(exchange.handle.get()))) {
      if ((*exchange.on_data)(chunk)) {
        return count;
      }
      exchange.ended_by_callback = true;
      return 0;
    }
    if (exchange.response->body.size() + count > exchange.request->body_limit) {
      return 0;
    }
    exchange.response->body.append(chunk);
    return count;
  } catch (...) {
    exchange.failure = std::current_exception();
    return 0;
  }
}

std::size_t take_header(char* data, std::size_t /*size*/, std::size_t count,
                        void* context) noexcept {
  auto& exchange = *static_cast<Exchange*>(context);
  *exchange.progress = true;
  try {
    std::string_view line(data, count);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) {
      line.remove_suffix(1);
    }
    Headers& headers = exchange.response->headers;
    if (line.starts_with("HTTP/")) {
      headers.clear();  // those of an interim answer (100) before the real one
    } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      const std::size_t value = std::min(line.find_first_not_of(' ', colon + 1), line.size());
      headers.emplace_back(line.substr(0, colon), line.substr(value));
    }
    return count;
  } catch (...) {
    exchange.failure = std::current_exception();
    return 0;
  }
}

int version_number(long version) {
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return 10;
    case CURL_HTTP_VERSION_1_1:
      return 11;
    case CURL_HTTP_VERSION_2_0:
      return 20;
    default:
      return 0;
  }
}

Duration time_of(CURL* easy, CURLINFO info) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, info, &microseconds);
  return std::chrono::microseconds(microseconds);
}

void read_facts(CURL* easy, Response& response) {
  response.status = status_of(easy);
  response.latency = time_of(easy, CURLINFO_TOTAL_TIME_T);
  response.first_byte = time_of(easy, CURLINFO_STARTTRANSFER_TIME_T);
  long version = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  response.http_version = version_number(version);
  char* address = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  response.peer = address == nullptr ? "" : address;
}

/// A set of connections with the exchanges that run over them; for one thread at a time.
class Channel {
 public:
  explicit Channel(const ClientOptions& options) : options_(options) {
    start_curl();
    multi_.reset(curl_multi_init());
    if (!multi_) {
      throw std::bad_alloc();
    }
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                      static_cast<long>(options.connections_per_host));
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_CONCURRENT_STREAMS,
                      static_cast<long>(options.parallel));
  }

  std::vector<Outcome> send_all(std::span<const Request> requests);
  Response stream(const Request& request, const Client::OnData& on_data,
                  const Client::KeepGoing& keep_going);

 private:
  /// Takes the exchange out of the set however the scope is left.
  class Running {
   public:
    Running(CURLM* multi, Exchange& exchange) : multi_(multi), exchange_(&exchange) {
      if (const CURLMcode code = curl_multi_add_handle(multi, exchange.handle.get());
          code != CURLM_OK) {
        throw Error(ErrorKind::failure,
                    fmt::format("unable to start 'HTTP request': {}", curl_multi_strerror(code)));
      }
    }
    ~Running() { curl_multi_remove_handle(multi_, exchange_->handle.get()); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    CURLM* multi_;
    Exchange* exchange_;
  };

  std::unique_ptr<Exchange> start(const Request& request, Response& response, bool streaming);
  void finish(Exchange& exchange, CURLcode code, Outcome& outcome) const;
  void perform();
  void wait(int milliseconds);

  const ClientOptions& options_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::vector<std::unique_ptr<Exchange>> spare_;
  bool progress_ = false;  // some exchange has been given something since this was last looked at
};

std::unique_ptr<Exchange> Channel::start(const Request& request, Response& response,
                                         bool streaming) {
  std::unique_ptr<Exchange> exchange;
  if (spare_.empty()) {
    exchange = std::make_unique<Exchange>();
  } else {
    exchange = std::move(spare_.back());
    spare_.pop_back();
  }
  exchange->request = &request;
  exchange->response = &response;
  exchange->on_data = nullptr;
  exchange->ended_by_callback = false;
  exchange->progress = &progress_;
  exchange->failure = nullptr;
  CurlHandle& handle = exchange->handle;
  handle.prepare(options_, request);
  if (!streaming && options_.idle_timeout > Duration::zero()) {
    handle.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    handle.set(
        CURLOPT_LOW_SPEED_TIME,
        static_cast<long>(std::chrono::ceil<std::chrono::seconds>(options_.idle_timeout).count()));
  }
  handle.set(CURLOPT_WRITEFUNCTION, &take_body);
  handle.set(CURLOPT_WRITEDATA, static_cast<void*>(exchange.get()));
  handle.set(CURLOPT_HEADERFUNCTION, &take_header);
  handle.set(CURLOPT_HEADERDATA, static_cast<void*>(exchange.get()));
  handle.set(CURLOPT_PRIVATE, static_cast<void*>(exchange.get()));
  return exchange;
}

void Channel::perform() {
  int running = 0;
  if (const CURLMcode code = curl_multi_perform(multi_.get(), &running); code != CURLM_OK) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to run 'HTTP request': {}", curl_multi_strerror(code)));
  }
}

void Channel::wait(int milliseconds) {
  curl_multi_poll(multi_.get(), nullptr, 0, milliseconds, nullptr);
}

void Channel::finish(Exchange& exchange, CURLcode code, Outcome& outcome) const {
  if (exchange.failure) {
    std::rethrow_exception(exchange.failure);
  }
  read_facts(exchange.handle.get(), *exchange.response);
  if (code != CURLE_OK && !exchange.ended_by_callback) {
    outcome.error = exchange.handle.error(code, options_, *exchange.request);
    outcome.maybe_sent = CurlHandle::maybe_sent(code);
  }
}

std::vector<Outcome> Channel::send_all(std::span<const Request> requests) {
  std::vector<Outcome> outcomes(requests.size());
  std::vector<std::unique_ptr<Exchange>> exchanges(requests.size());
  std::vector<std::unique_ptr<Running>> running(requests.size());  // dies before the exchanges
  std::size_t next = 0;
  std::size_t in_flight = 0;
  while (next < requests.size() || in_flight > 0) {
    while (next < requests.size() && in_flight < options_.parallel) {
      exchanges[next] = start(requests[next], outcomes[next].response, false);
      exchanges[next]->index = next;
      running[next] = std::make_unique<Running>(multi_.get(), *exchanges[next]);
      ++next;
      ++in_flight;
    }
    progress_ = false;
    perform();
    int left = 0;
    bool any_done = false;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) {
        continue;
      }
      void* context = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
      const std::size_t index = static_cast<Exchange*>(context)->index;
      const CURLcode code = message->data.result;  // gone with the handle
      finish(*exchanges[index], code, outcomes[index]);
      running[index].reset();
      spare_.push_back(std::move(exchanges[index]));
      --in_flight;
      any_done = true;
    }
    // What libcurl (7.88) has read for one exchange while it looked at another is given out by the
    // next perform, and the socket, which is empty by then, does not wake for it.
    if (!any_done && !progress_ && in_flight > 0) {
      wait(poll_milliseconds);
    }
  }
  return outcomes;
}

Response Channel::stream(const Request& request, const Client::OnData& on_data,
                         const Client::KeepGoing& keep_going) {
  Outcome outcome;
  const std::unique_ptr<Exchange> exchange = start(request, outcome.response, true);
  exchange->on_data = &on_data;
  const Running running(multi_.get(), *exchange);
  while (true) {
    perform();
    int left = 0;
    if (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      finish(*exchange, message->data.result, outcome);
      break;
    }
    if (!keep_going()) {
      read_facts(exchange->handle.get(), outcome.response);
      break;
    }
    wait(poll_milliseconds);
  }
  if (outcome.error) {
    throw *outcome.error;
  }
  return std::move(outcome.response);
}

/// Hands each calling thread a channel of its own, so that none waits for another's exchange.
class CurlClient final : public Client {
 public:
  explicit CurlClient(const ClientOptions& options) : options_(options) {}

  std::vector<Outcome> send_all(std::span<const Request> requests) override {
    Loan loan(*this);
    std::vector<Outcome> outcomes = loan.channel->send_all(requests);
    loan.give_back();
    return outcomes;
  }

  Response stream(const Request& request, const OnData& on_data,
                  const KeepGoing& keep_going) override {
    Loan loan(*this);
    Response response = loan.channel->stream(request, on_data, keep_going);
    loan.give_back();
    return response;
  }

 private:
  /// A channel that an exception came through is not used again.
  struct Loan {
    explicit Loan(CurlClient& owner) : client(owner) {
      const std::lock_guard lock(client.mutex_);
      if (!client.idle_.empty()) {
        channel = std::move(client.idle_.back());
        client.idle_.pop_back();
      } else {
        channel = std::make_unique<Channel>(client.options_);
      }
    }
    void give_back() {
      const std::lock_guard lock(client.mutex_);
      client.idle_.push_back(std::move(channel));
    }
    CurlClient& client;
    std::unique_ptr<Channel> channel;
  };

  const ClientOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Channel>> idle_;
};

}  // namespace

std::unique_ptr<Client> make_client(const ClientOptions& options) {
  return std::make_unique<CurlClient>(options);
}

}  // namespace crossover::http
