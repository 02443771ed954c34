#include <fmt/format.h>

#include <exception>

#include "kube/rest_client.h"
#include "kube/status_error.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr auto server_timeout = std::chrono::minutes(5);
/// A server that lives sends a bookmark each minute.
constexpr auto longest_silence = std::chrono::seconds(150);
constexpr auto reconnect_pause = std::chrono::milliseconds(200);
constexpr int gone = 410;

/// Cuts a stream into lines.
class Lines {
 public:
  void feed(std::string_view chunk) { buffer_.append(chunk); }
  bool next(std::string& line) {
    const std::size_t end = buffer_.find('\n', start_);
    if (end == std::string::npos) {
      buffer_.erase(0, start_);
      start_ = 0;
      return false;
    }
    line.assign(buffer_, start_, end - start_);
    start_ = end + 1;
    return true;
  }

 private:
  std::string buffer_;
  std::size_t start_ = 0;
};

/// What one watch request has come to.
struct Watched {
  std::string version;
  bool expired = false;
  bool satisfied = false;
  int refusal = 0;             // an ERROR event other than 410
  std::exception_ptr failure;  // of the caller's own: not to be taken for a broken connection
};

/// Returns false when the stream must end.
bool take_event(const json& event, Watched& watched,
                const std::function<bool(const WatchEvent&)>& on_event) {
  const std::string type = text_at(event, "/type");
  const json& object = at(event, "/object");
  if (type == "ERROR") {
    watched.refusal = static_cast<int>(integer_at(object, "/code"));
    watched.expired = watched.refusal == gone || text_at(object, "/reason") == "Expired";
    return false;
  }
  watched.version = text_at(object, "/metadata/resourceVersion");
  WatchEvent told;
  told.object = object;
  if (type == "ADDED") {
    told.type = WatchType::added;
  } else if (type == "MODIFIED") {
    told.type = WatchType::modified;
  } else if (type == "DELETED") {
    told.type = WatchType::deleted;
  } else {
    return true;  // BOOKMARK: its version was what it came for
  }
  watched.satisfied = !on_event(told);
  return !watched.satisfied;
}

}  // namespace

bool RestClient::watch(const std::string& api_version, const std::string& kind,
                       const ListOptions& options, Duration timeout, const StopRequest& stop,
                       const std::function<bool(const WatchEvent&)>& on_event) {
  const Deadline deadline(clock_, timeout);
  const Resource resource = this->resource(api_version, kind);
  const auto over = [&] { return deadline.passed() || stop.requested(); };
  Watched watched;
  bool listed = false;
  while (!over()) {
    if (watched.version.empty()) {
      if (listed && !on_event({WatchType::relisted, nullptr})) {
        return true;
      }
      List list = this->list(api_version, kind, options);
      listed = true;
      watched.version = list.resource_version;
      for (json& item : list.items) {
        if (!on_event({WatchType::added, std::move(item)})) {
          return true;
        }
      }
    }
    Call call;
    call.path = list_path(resource, options) +
                fmt::format("watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                            watched.version, std::chrono::seconds(server_timeout).count());
    watched.expired = false;
    watched.refusal = 0;
    Lines lines;
    Answer answer;
    Clock::Monotonic heard = clock_.now();
    try {
      answer = transport_.stream(
          call,
          [&](std::string_view chunk) {
            lines.feed(chunk);
            heard = clock_.now();
            try {
              for (std::string line; lines.next(line);) {
                if (!take_event(json::parse(line, nullptr, false), watched, on_event)) {
                  return false;
                }
              }
            } catch (...) {
              watched.failure = std::current_exception();
              return false;
            }
            return true;
          },
          [&] { return !over() && clock_.now() - heard < longest_silence; });
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::precondition) {
        throw;
      }
      clock_.sleep(reconnect_pause);  // the server is away for a moment
      continue;
    }
    if (watched.failure) {
      std::rethrow_exception(watched.failure);
    }
    if (watched.satisfied) {
      return true;
    }
    if (answer.status == gone || watched.expired) {
      watched.version.clear();
    } else if (!answer.ok() && answer.status != 0) {
      if (answer.status != 429 && answer.status < 500) {
        throw status_error(answer.status, answer.body, "watch", resource.plural,
                           transport_.access().source);
      }
      clock_.sleep(reconnect_pause * 5);
    } else if (watched.refusal != 0) {
      watched.version.clear();
      clock_.sleep(reconnect_pause);
    }
  }
  return false;
}

}  // namespace crossover::kube
