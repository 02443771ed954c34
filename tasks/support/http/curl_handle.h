#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>

#include "http/client.h"

// What curl_client.cpp and curl_websocket.cpp share; included by nothing else.
namespace crossover::http {

// libcurl's two handle types are one and the same (void) to the compiler.
struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Slist = std::unique_ptr<curl_slist, SlistDeleter>;

/// A handle for one exchange after another, with what libcurl borrows for it.
class CurlHandle {
 public:
  CurlHandle();

  /// Sets everything that `options` and `request` ask for; both must outlive the exchange.
  void prepare(const ClientOptions& options, const Request& request);

  CURL* get() const { return easy_.get(); }
  template <typename Value>
  void set(CURLoption option, Value value) {
    check(curl_easy_setopt(easy_.get(), option, value));
  }

  /// Our error for libcurl's, as http/client.h says.
  Error error(CURLcode code, const ClientOptions& options, const Request& request) const;
  /// Whether the server may have seen the request before it failed with `code`.
  static bool maybe_sent(CURLcode code);

 private:
  static void check(CURLcode code);
  void set_connection(const ClientOptions& options, const Request& request);
  void set_address(const ClientOptions& options, const Request& request);
  void set_tls(const TlsOptions& tls);
  void set_body(const Request& request);
  void add_header(const std::string& line);
  std::string cause(CURLcode code) const;

  std::unique_ptr<CURL, EasyDeleter> easy_;
  Slist headers_;
  Slist connect_to_;
  std::string url_;
  std::string error_buffer_;
  std::string_view unsent_;  ///< of the body
};

/// Sets libcurl up, once per process. Thread-safe.
void start_curl();

}  // namespace crossover::http
