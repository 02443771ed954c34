#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"

namespace crossover::http {

struct Page {
  std::string content_type;
  std::string body;
};

/// Serves a few pages over plain HTTP/1.1 to whoever asks by GET or HEAD, one answer a connection:
/// what a Prometheus server or a probe of Kubernetes reads. Anything else is 404 or 405. At most 16
/// connections at a time, none for longer than `longest_visit`, so that nobody can hold it up.
///
/// `pages` has a function for each path, which is called in a thread of this object, so it must be
/// thread-safe and quick; one that throws is answered with 500 and nothing of its text.
class PageServer {
 public:
  using Pages = std::map<std::string, std::function<Page()>, std::less<>>;

  /// Listens at `address`: "HOST:PORT", "[v6]:PORT" or ":PORT" for all addresses; port 0 is any
  /// free one. HOST is a numeric address. Throws Error{usage} when it is none of these, and
  /// Error{precondition} when it is taken or not this machine's.
  PageServer(const std::string& address, Pages pages,
             Duration longest_visit = std::chrono::seconds(5));
  /// Ends what is under way.
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crossover::http
