#include "http/curl_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <system_error>

namespace crossover::http {

namespace {

long milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

std::string text_of(Duration duration) { return fmt::format("{:g} s", seconds(duration)); }

std::string lower_first(std::string text) {
  // "SSL ..." and the like stay as they are.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

/// URL without its scheme and authority: path, query.
std::string target_of(const std::string& url) {
  const std::size_t from = url.find_first_of("/?#", url.find("://") + 3);
  return from == std::string::npos ? "/" : url.substr(from);
}

}  // namespace

void start_curl() {
  // Never cleaned up: other threads may still hold connections while the process ends.
  static const CURLcode started = curl_global_init(CURL_GLOBAL_ALL);
  if (started != CURLE_OK) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to set up 'libcurl': {}", curl_easy_strerror(started)));
  }
}

CurlHandle::CurlHandle() : error_buffer_(CURL_ERROR_SIZE, '\0') {
  start_curl();
  easy_.reset(curl_easy_init());
  if (!easy_) {
    throw std::bad_alloc();
  }
}

void CurlHandle::check(CURLcode code) {
  if (code != CURLE_OK) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to set up 'HTTP request': {}", curl_easy_strerror(code)));
  }
}

void CurlHandle::add_header(const std::string& line) {
  curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) {
    throw std::bad_alloc();
  }
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

void CurlHandle::prepare(const ClientOptions& options, const Request& request) {
  curl_easy_reset(easy_.get());
  headers_.reset();
  connect_to_.reset();
  error_buffer_.assign(CURL_ERROR_SIZE, '\0');
  set(CURLOPT_ERRORBUFFER, error_buffer_.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOPROGRESS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 20L);
  set(CURLOPT_TCP_KEEPINTVL, 10L);
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connect_timeout));
  if (request.timeout > Duration::zero()) {
    set(CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  }
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  const bool encrypted = request.url.starts_with("https:");
  set(CURLOPT_HTTP_VERSION, options.http2 && encrypted ? static_cast<long>(CURL_HTTP_VERSION_2TLS)
                                                       : static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PIPEWAIT, options.http2 && encrypted && !request.fresh_connection ? 1L : 0L);
  set(CURLOPT_FRESH_CONNECT, request.fresh_connection ? 1L : 0L);
  set(CURLOPT_FORBID_REUSE, request.fresh_connection ? 1L : 0L);
  if (!options.proxy.empty()) {
    set(CURLOPT_PROXY, options.proxy.c_str());
    set(CURLOPT_NOPROXY, "");
  } else if (!options.use_environment_proxy) {
    set(CURLOPT_PROXY, "");
  }
  for (const auto& [name, value] : request.headers) {
    // "Name;" is how libcurl is told to send a header without a value.
    add_header(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!request.bearer.empty()) {
    add_header("Authorization: Bearer " + request.bearer.reveal());
  }
  set_tls(options.tls);
  set_address(options, request);
  set_body(request);
  set(CURLOPT_HTTPHEADER, headers_.get());
}

void CurlHandle::set_address(const ClientOptions& options, const Request& request) {
  url_ = request.url;
  std::string connect_to = request.connect_to;
  const std::string& name = options.tls.server_name;
  if (!name.empty() && request.url.starts_with("https:")) {
    // libcurl takes SNI and the name to verify from the URL, so the name goes there and the real
    // host becomes the address to connect to and the Host header.
    std::string host = origin(request.url).substr(std::string_view("https://").size());
    const std::size_t colon = host.rfind(':');
    const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
    const std::string port = has_port ? host.substr(colon + 1) : "443";
    if (find_header(request.headers, "Host") == nullptr) {
      add_header("Host: " + host);
    }
    if (connect_to.empty()) {
      connect_to = has_port ? host : host + ":443";
    }
    url_ = fmt::format("https://{}:{}{}", name, port, target_of(request.url));
  }
  set(CURLOPT_URL, url_.c_str());
  if (!connect_to.empty()) {
    connect_to_.reset(curl_slist_append(nullptr, ("::" + connect_to).c_str()));
    set(CURLOPT_CONNECT_TO, connect_to_.get());
  }
}

void CurlHandle::set_tls(const TlsOptions& tls) {
  const auto blob = [](const std::string& bytes) {
    // libcurl declares the data as mutable and, with this flag, does not touch it.
    return curl_blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_NOCOPY};
  };
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_pem.empty()) {
    const curl_blob ca = blob(tls.ca_pem);
    set(CURLOPT_CAINFO_BLOB, &ca);
    set(CURLOPT_CAPATH, nullptr);
  }
  if (!tls.certificate_pem.empty()) {
    const curl_blob certificate = blob(tls.certificate_pem);
    set(CURLOPT_SSLCERT_BLOB, &certificate);
    set(CURLOPT_SSLCERTTYPE, "PEM");
  }
  if (!tls.key_pem.empty()) {
    const curl_blob key = blob(tls.key_pem.reveal());
    set(CURLOPT_SSLKEY_BLOB, &key);
    set(CURLOPT_SSLKEYTYPE, "PEM");
  }
}

void CurlHandle::set_body(const Request& request) {
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  const bool writes = request.method == "POST" || request.method == "PUT" ||
                      request.method == "PATCH" || !request.body.empty();
  if (writes) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    add_header("Expect:");
    if (find_header(request.headers, "Content-Type") == nullptr) {
      add_header("Content-Type:");
    }
  } else {
    set(CURLOPT_HTTPGET, 1L);
  }
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

std::string CurlHandle::cause(CURLcode code) const {
  long system_error = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &system_error);
  if (code == CURLE_COULDNT_CONNECT && system_error != 0) {
    return lower_first(std::generic_category().message(static_cast<int>(system_error)));
  }
  std::string text(error_buffer_.c_str());
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.pop_back();
  }
  return lower_first(text.empty() ? curl_easy_strerror(code) : text);
}

Error CurlHandle::error(CURLcode code, const ClientOptions& options, const Request& request) const {
  const std::string what = fmt::format("unable to reach '{}': ", origin(request.url));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t connected = 0;
      curl_off_t total = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
      curl_easy_getinfo(easy_.get(), CURLINFO_TOTAL_TIME_T, &total);
      const bool was_connecting = connected == 0;
      const Duration limit = was_connecting                       ? options.connect_timeout
                             : request.timeout > Duration::zero() ? request.timeout
                                                                  : Duration(options.idle_timeout);
      const Duration shorter =
          request.timeout > Duration::zero() ? std::min(limit, request.timeout) : limit;
      return {ErrorKind::timeout, what + (was_connecting ? "no connection" : "no answer") +
                                      " within " + text_of(shorter)};
    }
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorKind::precondition, what + "its certificate is not trusted: " + cause(code),
              "give the authority that signed it, or the name that it was made for"};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {ErrorKind::failure, what + "its host name is not known",
              "check the address and that the names of its network are known here"};
    case CURLE_COULDNT_CONNECT:
      return {ErrorKind::failure, what + cause(code),
              "check the address and that the network lets this client reach it"};
    case CURLE_WRITE_ERROR:
      return {ErrorKind::failure,
              what + fmt::format("the answer is longer than {} bytes", request.body_limit)};
    case CURLE_URL_MALFORMAT:
      return {ErrorKind::usage,
              fmt::format("unable to use URL '{}': it is not well formed", origin(request.url))};
    case CURLE_SSL_CERTPROBLEM:
      return {ErrorKind::precondition,
              what + "our client certificate is not usable: " + cause(code)};
    default:
      return {ErrorKind::failure, what + cause(code)};
  }
}

bool CurlHandle::maybe_sent(CURLcode code) {
  switch (code) {
    case CURLE_OK:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
      return false;
    default:
      return true;
  }
}

}  // namespace crossover::http
