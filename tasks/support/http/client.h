#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/stop.h"

namespace crossover::http {

/// In the order in which they stand in the message; names compare without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first value of `name` (case does not count), or nullptr.
const std::string* find_header(const Headers& headers, std::string_view name);

/// How the server proves who it is, and how we do.
struct TlsOptions {
  std::string ca_pem;           ///< authorities to trust, PEM; empty: those of the system
  std::string certificate_pem;  ///< our certificate (chain); empty: none
  Secret key_pem;               ///< its private key
  std::string server_name;      ///< asked for (SNI) and verified in place of the URL's host
  bool verify = true;           ///< false only where a person has explicitly asked for it
};

struct ClientOptions {
  TlsOptions tls;
  std::string proxy;  ///< "http://", "https://" or "socks5://" URL; empty: the environment's rules
  bool use_environment_proxy = true;  ///< false: http_proxy and the like are not looked at
  Duration connect_timeout = std::chrono::seconds(10);
  /// Half-open connections: what was sent, or a keepalive, that the other end has not acknowledged
  /// for so long ends one, in exchanges and streams.
  std::chrono::milliseconds tcp_user_timeout{5000};
  /// No byte for so long ends an exchange that is not a stream; 0: no limit.
  Duration idle_timeout = std::chrono::seconds(60);
  std::size_t parallel = 64;  ///< requests of one `send_all` in flight at a time
  /// Connections that one `send_all` may open to one host; 1 with HTTP/2 means multiplexing.
  std::size_t connections_per_host = 1;
  bool http2 = true;  ///< offered by ALPN; HTTP/1.1 remains possible
  std::string user_agent = "crossover";
};

struct Request {
  std::string method = "GET";
  std::string url;  ///< http or https
  Headers headers;  ///< "Host" may be among them
  std::string body;
  Secret bearer;       ///< sent as "Authorization: Bearer ..." when not empty
  Duration timeout{};  ///< for the whole exchange; 0: no limit
  std::size_t body_limit = std::size_t{256} << 20U;  ///< a longer answer is an error
  /// Opens a connection of its own and closes it afterwards: what a new visitor would see.
  bool fresh_connection = false;
  /// "HOST:PORT" (or "[v6]:PORT") to connect to in place of the URL's; Host, SNI and certificate
  /// check stay the URL's.
  std::string connect_to;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
  Duration latency{};     ///< from the start of the request to the last byte, connecting included
  Duration first_byte{};  ///< from the start of the request to the first byte of the answer
  int http_version = 0;   ///< 10, 11 or 20
  std::string peer;       ///< address that answered

  const std::string* header(std::string_view name) const { return find_header(headers, name); }
};

/// What became of one request of several.
struct Outcome {
  Response response;           ///< meaningful when there is no error
  std::optional<Error> error;  ///< nothing complete came back: refused, reset, timed out, TLS
  /// Whether the server may have seen the request: false means that sending it again is safe
  /// whatever its method.
  bool maybe_sent = false;
};

/// Speaks HTTP. Redirects are answers like all others and are not followed; every status is an
/// answer too. A request with a body, or a POST, is sent once: whether to send it again when its
/// answer is lost is for the caller to decide. Errors: Error{failure} `unable to reach
/// 'https://host:port': <cause>`, Error{timeout} where a timeout ended it, Error{precondition}
/// where the server's certificate is not trusted. Implementations are safe to use from several
/// threads at once.
class Client {
 public:
  virtual ~Client() = default;

  /// Sends all, `parallel` at a time, and returns the outcomes in the same order.
  virtual std::vector<Outcome> send_all(std::span<const Request> requests) = 0;

  /// Called with each piece of a 2xx answer's body as it comes; false ends the exchange.
  using OnData = std::function<bool(std::string_view chunk)>;
  /// Asked at least five times a second; false ends the exchange.
  using KeepGoing = std::function<bool()>;
  /// Sends one and hands on the body while it comes. Returns when the server ends it or either
  /// callback says so; the response's body holds what came with a status other than 2xx. Throws as
  /// described above when the connection breaks.
  virtual Response stream(const Request& request, const OnData& on_data,
                          const KeepGoing& keep_going) = 0;

  /// Sends one; throws its error.
  Response send(const Request& request);
};

/// On libcurl (curl_client.cpp). The environment of libcurl is set up once per process.
std::unique_ptr<Client> make_client(const ClientOptions& options);

/// "https://host:port" of a URL: what error texts name. Never holds credentials or a query.
std::string origin(std::string_view url);

/// Percent-encodes all but the unreserved characters of RFC 3986.
std::string encode_component(std::string_view text);

}  // namespace crossover::http
