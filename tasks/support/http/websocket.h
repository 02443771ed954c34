#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/client.h"

namespace crossover::http {

/// One WebSocket connection (RFC 6455), client side, binary messages. Pings are answered and
/// fragments put together inside. Not thread-safe; never blocks but in `open_websocket`.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  /// For poll(2). Data may be waiting inside even where the descriptor is not readable: call
  /// `receive` until it says `nothing` before polling.
  virtual int descriptor() const = 0;
  /// Whether bytes wait to be written: poll for writing then.
  virtual bool wants_write() const = 0;
  /// Bytes that wait to be written; callers stop feeding above a bound of theirs.
  virtual std::size_t unsent() const = 0;

  enum class Received { message, nothing, closed };
  /// Takes the next whole message into `message`. `closed`: the peer has ended the connection;
  /// close_reason() tells why. Throws Error{failure} on a broken connection or protocol.
  virtual Received receive(std::string& message) = 0;

  /// Queues a binary message made of `head` and `body` and writes what the socket takes.
  virtual void send(std::string_view head, std::string_view body) = 0;
  /// Writes what is queued as far as the socket takes it.
  virtual void flush() = 0;
  /// Queues a close frame (1000); no more may be sent.
  virtual void close() = 0;

  virtual const std::string& close_reason() const = 0;
};

/// Connects (TCP, proxy, TLS as `options` say), upgrades with GET and `subprotocol` and returns
/// when the server has agreed. Throws as http::Client does; Error with http_status where the server
/// answers with anything but 101, its body in the message. Blocks at most `options.connect_timeout`
/// for each of connecting and upgrading.
std::unique_ptr<WebSocket> open_websocket(const ClientOptions& options, const Request& request,
                                          std::string_view subprotocol);

}  // namespace crossover::http
