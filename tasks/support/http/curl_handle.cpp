#include "http/curl_handle.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

// Seconds of silence before a connection is asked whether it still lives, and between two
// questions; how long that may go on is tcp_user_timeout.
constexpr long keepalive_idle = 5;
constexpr long keepalive_interval = 1;

int limit_silence(void* context, curl_socket_t socket, curlsocktype /*purpose*/) noexcept {
  const auto timeout =
      static_cast<int>(static_cast<const ClientOptions*>(context)->tcp_user_timeout.count());
  const bool set =
      ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout) == 0;
  return set ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

std::size_t give_body(char* buffer, std::size_t size, std::size_t count, void* context) noexcept {
  auto& unsent = *static_cast<std::string_view*>(context);
  const std::size_t given = unsent.copy(buffer, size * count);
  unsent.remove_prefix(given);
  return given;
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
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  set_connection(options, request);
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

void CurlHandle::set_connection(const ClientOptions& options, const Request& request) {
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, keepalive_idle);
  set(CURLOPT_TCP_KEEPINTVL, keepalive_interval);
  set(CURLOPT_SOCKOPTFUNCTION, &limit_silence);
  set(CURLOPT_SOCKOPTDATA, const_cast<void*>(static_cast<const void*>(&options)));
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connect_timeout));
  if (request.timeout > Duration::zero()) {
    set(CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  }
  const bool multiplexed = options.http2 && request.url.starts_with("https:");
  set(CURLOPT_HTTP_VERSION, multiplexed ? static_cast<long>(CURL_HTTP_VERSION_2TLS)
                                        : static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PIPEWAIT, multiplexed && !request.fresh_connection ? 1L : 0L);
  set(CURLOPT_FRESH_CONNECT, request.fresh_connection ? 1L : 0L);
  set(CURLOPT_FORBID_REUSE, request.fresh_connection ? 1L : 0L);
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
    // Where a connection that was used before breaks without an answer, libcurl sends the request
    // again by itself, a POST too, unless it can't go back to the start of a body.
    unsent_ = request.body;
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_READFUNCTION, &give_body);
    set(CURLOPT_READDATA, static_cast<void*>(&unsent_));
    if (request.body.empty()) {
      set(CURLOPT_FRESH_CONNECT, 1L);
    }
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
    case CURLE_SEND_FAIL_REWIND:
      return {ErrorKind::failure, what + "the connection broke before an answer came"};
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
