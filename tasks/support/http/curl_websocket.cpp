#include <fmt/format.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/random.h>

#include <algorithm>

#include "http/curl_handle.h"
#include "http/websocket.h"
#include "http/websocket_frame.h"

namespace crossover::http {

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10U;
constexpr std::size_t header_limit = std::size_t{64} << 10U;

void fill_random(void* buffer, std::size_t size) {
  // At most 256 bytes come in one piece, as getrandom(2) says.
  if (getrandom(buffer, size, 0) != static_cast<ssize_t>(size)) {
    throw Error(ErrorKind::failure, "unable to get 'random bytes': getrandom failed");
  }
}

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  std::array<unsigned char, 25> text{};
  EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return reinterpret_cast<const char*>(text.data());
}

/// The head of an answer to an upgrade and what came after it.
struct Answer {
  int status = 0;
  Headers headers;
  std::string rest;
};

Answer parse_answer(const std::string& text, std::size_t end) {
  Answer answer;
  answer.rest = text.substr(end + 4);
  std::size_t line = 0;
  while (line < end) {
    const std::size_t stop = std::min(text.find("\r\n", line), end);
    const std::string_view content = std::string_view(text).substr(line, stop - line);
    if (line == 0) {
      const std::size_t space = content.find(' ');
      answer.status = space == std::string_view::npos
                          ? 0
                          : std::atoi(std::string(content.substr(space)).c_str());
    } else if (const std::size_t colon = content.find(':'); colon != std::string_view::npos) {
      const std::size_t value = std::min(content.find_first_not_of(' ', colon + 1), content.size());
      answer.headers.emplace_back(content.substr(0, colon), content.substr(value));
    }
    line = stop + 2;
  }
  return answer;
}

class CurlWebSocket final : public WebSocket {
 public:
  CurlWebSocket(const ClientOptions& options, const Request& request, std::string_view subprotocol)
      : options_(options), request_(request), origin_(origin(request.url)) {
    options_.http2 = false;  // the upgrade is one of HTTP/1.1
    connect();
    upgrade(subprotocol);
    request_.bearer = Secret();
  }

  int descriptor() const override { return descriptor_; }
  bool wants_write() const override { return unsent() > 0; }
  std::size_t unsent() const override { return in_flight_.size() - sent_ + out_.size(); }
  const std::string& close_reason() const override { return close_reason_; }

  Received receive(std::string& message) override {
    while (true) {
      while (const std::optional<Frame> frame = reader_.next()) {
        if (take(*frame)) {
          message = std::move(partial_);
          partial_.clear();
          return Received::message;
        }
        if (closed_) {
          return Received::closed;
        }
      }
      if (closed_) {
        return Received::closed;
      }
      if (!read_some()) {
        return Received::nothing;
      }
    }
  }

  void send(std::string_view head, std::string_view body) override {
    queue(Opcode::binary, head, body);
  }

  // OpenSSL wants a write that it could not finish repeated with the very same bytes at the very
  // same place (SSL_write, "bad write retry"), so what is being sent is never touched; what comes
  // meanwhile waits in `out_`.
  void flush() override {
    while (true) {
      if (sent_ == in_flight_.size()) {
        in_flight_.clear();
        sent_ = 0;
        if (out_.empty()) {
          return;
        }
        in_flight_.swap(out_);
      }
      std::size_t written = 0;
      const CURLcode code = curl_easy_send(handle_.get(), in_flight_.data() + sent_,
                                           in_flight_.size() - sent_, &written);
      if (code == CURLE_AGAIN) {
        return;
      }
      if (code != CURLE_OK) {
        throw broken(curl_easy_strerror(code));
      }
      sent_ += written;
    }
  }

  void close() override {
    if (!close_sent_) {
      close_sent_ = true;
      queue(Opcode::close, std::string_view("\x03\xe8", 2), {});
    }
  }

 private:
  Error broken(const std::string& cause) const {
    return {ErrorKind::failure,
            fmt::format("unable to keep connection to '{}': {}", origin_, cause)};
  }

  void connect() {
    handle_.prepare(options_, request_);
    handle_.set(CURLOPT_CONNECT_ONLY, 1L);
    handle_.set(CURLOPT_HTTPPROXYTUNNEL, 1L);
    const CURLcode code = curl_easy_perform(handle_.get());
    if (code != CURLE_OK) {
      throw handle_.error(code, options_, request_);
    }
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl_easy_getinfo(handle_.get(), CURLINFO_ACTIVESOCKET, &socket);
    descriptor_ = socket;
  }

  void upgrade(std::string_view subprotocol) {
    const std::string key = random_key();
    std::string host = origin_.substr(origin_.find("://") + 3);
    std::string head = "GET " + target() + " HTTP/1.1\r\n";
    if (find_header(request_.headers, "Host") == nullptr) {
      head += "Host: " + host + "\r\n";
    }
    for (const auto& [name, value] : request_.headers) {
      head += name + ": " + value + "\r\n";
    }
    if (!request_.bearer.empty()) {
      head += "Authorization: Bearer " + request_.bearer.reveal() + "\r\n";
    }
    head += fmt::format(
        "User-Agent: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
        "13\r\n"
        "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        options_.user_agent, key, subprotocol);
    out_ = std::move(head);
    const Answer answer = read_answer();
    if (answer.status != 101) {
      Error error(ErrorKind::failure, fmt::format("unable to open stream on '{}': status {}: {}",
                                                  origin_, answer.status, answer.rest));
      throw error.set_http_status(answer.status);
    }
    const std::string* accept = find_header(answer.headers, "Sec-WebSocket-Accept");
    const std::string* agreed = find_header(answer.headers, "Sec-WebSocket-Protocol");
    if (accept == nullptr || *accept != accept_value(key)) {
      throw broken("the answer to the upgrade is not a WebSocket's");
    }
    if (agreed == nullptr || *agreed != subprotocol) {
      throw broken(fmt::format("the server does not speak '{}'", subprotocol));
    }
    reader_.feed(answer.rest);
  }

  std::string target() const {
    const std::size_t from = request_.url.find_first_of("/?", origin_.size());
    return from == std::string::npos ? "/" : request_.url.substr(from);
  }

  /// Writes the request and reads to the end of the answer's head (of its body where refused).
  Answer read_answer() {
    const SystemClock clock;
    const Deadline deadline(clock, options_.connect_timeout);
    std::string text;
    while (true) {
      flush();
      const std::ptrdiff_t count = read_into(text);
      const std::size_t end = text.find("\r\n\r\n");
      if (end != std::string::npos) {
        Answer answer = parse_answer(text, end);
        const std::string* length = find_header(answer.headers, "Content-Length");
        const std::size_t wanted =
            length == nullptr ? 0 : std::strtoul(length->c_str(), nullptr, 10);
        if (answer.status == 101 || answer.rest.size() >= std::min(wanted, header_limit) ||
            count == 0) {
          return answer;
        }
      }
      if (count == 0) {
        throw broken("the server closed it during the upgrade");
      }
      if (text.size() > 2 * header_limit) {
        throw broken("the answer to the upgrade is too long");
      }
      if (deadline.passed()) {
        throw Error(ErrorKind::timeout,
                    fmt::format("unable to reach '{}': no answer to the upgrade within {:g} s",
                                origin_, seconds(options_.connect_timeout)));
      }
      if (count < 0) {
        pollfd ready{descriptor_, static_cast<short>(POLLIN | (wants_write() ? POLLOUT : 0)), 0};
        ::poll(&ready, 1, 100);
      }
    }
  }

  /// Appends what is there; 0 at the end of the stream, -1 when nothing is there yet.
  std::ptrdiff_t read_into(std::string& buffer) {
    input_.resize(read_size);
    std::size_t count = 0;
    const CURLcode code = curl_easy_recv(handle_.get(), input_.data(), input_.size(), &count);
    if (code == CURLE_AGAIN) {
      return -1;
    }
    if (code != CURLE_OK) {
      throw broken(curl_easy_strerror(code));
    }
    buffer.append(input_.data(), count);
    return static_cast<std::ptrdiff_t>(count);
  }

  bool read_some() {
    std::string bytes;
    const std::ptrdiff_t count = read_into(bytes);
    if (count < 0) {
      return false;
    }
    if (count == 0) {
      closed_ = true;
      if (close_reason_.empty()) {
        close_reason_ = "the connection ended";
      }
    }
    reader_.feed(bytes);
    return true;
  }

  /// True when `partial_` has become a whole message.
  bool take(const Frame& frame) {
    switch (frame.opcode) {
      case Opcode::ping:
        queue(Opcode::pong, frame.payload, {});
        return false;
      case Opcode::pong:
        return false;
      case Opcode::close:
        close_reason_ = frame.payload.size() > 2 ? std::string(frame.payload.substr(2))
                                                 : "closed by the server";
        close();
        closed_ = true;
        return false;
      default:
        partial_.append(frame.payload);
        if (partial_.size() > (std::size_t{64} << 20U)) {
          throw broken("a message is too long");
        }
        return frame.final;
    }
  }

  void queue(Opcode opcode, std::string_view head, std::string_view body) {
    if (random_left_ == 0) {
      fill_random(random_.data(), random_.size());
      random_left_ = random_.size() / 4;
    }
    --random_left_;
    MaskKey key{};
    std::copy_n(random_.begin() + static_cast<std::ptrdiff_t>(random_left_ * 4), 4, key.begin());
    append_frame(out_, opcode, key, head, body);
    flush();
  }

  ClientOptions options_;
  Request request_;
  std::string origin_;
  CurlHandle handle_;
  int descriptor_ = -1;
  FrameReader reader_;
  std::string input_;
  std::string partial_;
  std::string out_;        ///< to be sent, frame after frame
  std::string in_flight_;  ///< being sent
  std::size_t sent_ = 0;   ///< of in_flight_
  std::array<std::uint8_t, 256> random_{};
  std::size_t random_left_ = 0;
  bool closed_ = false;
  bool close_sent_ = false;
  std::string close_reason_;
};

}  // namespace

std::unique_ptr<WebSocket> open_websocket(const ClientOptions& options, const Request& request,
                                          std::string_view subprotocol) {
  return std::make_unique<CurlWebSocket>(options, request, subprotocol);
}

}  // namespace crossover::http
