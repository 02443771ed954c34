#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "kube/credentials.h"

namespace crossover::http {
class WebSocket;
}

namespace crossover::kube {

/// One request to the API server.
struct Call {
  std::string method = "GET";
  std::string path;  ///< with query: "/api/v1/..."
  std::string body;
  std::string content_type;
  std::string accept = "application/json";
  /// Whether doing it twice is as good as once. Others are tried again only when the server has
  /// certainly not acted.
  bool idempotent = true;
  Duration timeout{};  ///< for each try, and no other begins after it; 0: the client's own
};

struct Answer {
  int status = 0;
  std::string body;
  /// An earlier try, whose answer was lost, may have been acted upon.
  bool repeated = false;
  bool ok() const { return status >= 200 && status < 300; }
};

/// Calls to one API server with fresh credentials. Tries again by itself: after a 401 with new
/// credentials, after 429 and 5xx as Retry-After says, and after broken connections once the server
/// has been reached, all within `retry_budget`; when that was in vain, only once until the server
/// has been reached again. Thread-safe.
class Transport {
 public:
  struct Settings {
    Duration retry_budget = std::chrono::seconds(30);
    std::string user_agent = "crossover";
    std::size_t parallel = http::ClientOptions{}.parallel;  ///< requests in flight at a time
  };
  Transport(const Access& access, const Settings& settings, const Clock& clock);

  const Access& access() const { return access_; }
  /// Answers in the order of `calls`; throws the first error that is not an answer.
  std::vector<Answer> send_all(std::span<const Call> calls);
  Answer send(const Call& call);
  /// As http::Client::stream. Connection errors leave as they are: watchers know how to go on.
  Answer stream(const Call& call, const http::Client::OnData& on_data,
                const http::Client::KeepGoing& keep_going);
  std::unique_ptr<http::WebSocket> open_websocket(const std::string& path,
                                                  std::string_view subprotocol);

 private:
  struct Line {
    std::shared_ptr<http::Client> client;
    Credential credential;
  };
  Line line();
  http::ClientOptions client_options(const Credential& credential) const;
  http::Request request(const Call& call, const Credential& credential) const;

  const Access access_;
  const Settings settings_;
  const Clock& clock_;
  CredentialSource credentials_;
  std::atomic<bool> reached_{false};
  std::mutex mutex_;
  std::shared_ptr<http::Client> client_;
  std::string client_certificate_;  // that client_ was made with
};

}  // namespace crossover::kube
