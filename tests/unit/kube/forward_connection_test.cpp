#include "kube/forward_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <thread>

#include "base/error.h"
#include "files/descriptor.h"

namespace crossover::kube {
namespace {

/// Has read everything from its socket before anybody asks: the socket is never readable again.
class ReadAhead final : public http::WebSocket {
 public:
  ReadAhead(int silent, std::vector<std::string> messages)
      : silent_(silent), messages_(std::move(messages)) {}
  int descriptor() const override { return silent_; }
  bool wants_write() const override { return false; }
  std::size_t unsent() const override { return 0; }
  Received receive(std::string& message) override {
    if (next_ == messages_.size()) {
      return Received::nothing;
    }
    message = messages_[next_++];
    return Received::message;
  }
  void send(std::string_view /*head*/, std::string_view /*body*/) override {}
  void flush() override {}
  void close() override {}
  const std::string& close_reason() const override { return reason_; }

 private:
  int silent_;
  std::vector<std::string> messages_;
  std::size_t next_ = 0;
  std::string reason_;
};

struct Ends {
  files::Descriptor first;
  files::Descriptor second;
};

Ends connected() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {files::Descriptor(ends[0]), files::Descriptor(ends[1])};
}

std::string read_all(int descriptor, std::size_t size) {
  std::string text;
  pollfd ready{descriptor, POLLIN, 0};
  while (text.size() < size && ::poll(&ready, 1, 5000) > 0) {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count <= 0) {
      break;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

TEST_CASE("what the WebSocket has read already arrives without its socket being readable again") {
  std::vector<std::string> messages{std::string("\0\x10\x15", 3), std::string("\1\x10\x15", 3)};
  std::string sent;
  for (int i = 0; i < 500; ++i) {
    const std::string body = std::string(99, static_cast<char>('a' + i % 26)) + "\n";
    messages.push_back(std::string(1, '\0') + body);
    sent += body;
  }
  const Ends local = connected();
  const Ends silent = connected();
  const Ends wake = connected();
  ReadAhead remote(silent.first.get(), messages);
  std::thread carrier([&] { carry_connection(local.first.get(), remote, wake.first.get(), 1000); });
  const std::string arrived = read_all(local.second.get(), sent.size());
  CHECK(::write(wake.second.get(), "x", 1) == 1);
  carrier.join();
  CHECK(arrived.size() == sent.size());
  CHECK((arrived == sent));
}

}  // namespace
}  // namespace crossover::kube
