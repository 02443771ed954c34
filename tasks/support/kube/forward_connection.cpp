#include "kube/forward_connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace crossover::kube {

namespace {

constexpr std::size_t chunk = std::size_t{64} << 10U;
constexpr char data_channel = 0;
constexpr char error_channel = 1;

class Connection {
 public:
  Connection(int local, http::WebSocket& remote, std::size_t bound)
      : local_(local), remote_(remote), bound_(bound), input_(chunk) {}

  void run(int wake) {
    while (true) {
      const bool more = take_remote();
      write_local();
      if (remote_closed_ && to_local_.empty()) {
        return;
      }
      if (local_closed_) {
        return;
      }
      if (more && to_local_.size() < bound_) {
        continue;  // no poll tells of what stands in the WebSocket's own buffer
      }
      std::array<pollfd, 3> ready = {
          {{wake, POLLIN, 0}, {local_, 0, 0}, {remote_.descriptor(), 0, 0}}};
      if (!remote_closed_ && remote_.unsent() < bound_) {
        ready[1].events |= POLLIN;
      }
      if (!to_local_.empty()) {
        ready[1].events |= POLLOUT;
      }
      if (!remote_closed_ && to_local_.size() < bound_) {
        ready[2].events |= POLLIN;
      }
      if (remote_.wants_write()) {
        ready[2].events |= POLLOUT;
      }
      ready[2].fd = ready[2].events == 0 ? -1 : ready[2].fd;
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
        throw broken("poll");
      }
      if ((ready[0].revents & POLLIN) != 0) {
        return;
      }
      if ((ready[2].revents & POLLOUT) != 0) {
        remote_.flush();
      }
      if ((ready[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        take_local();
      }
    }
  }

 private:
  static Error broken(const char* what) {
    return {ErrorKind::failure, fmt::format("unable to {} 'forwarded connection': {}", what,
                                            std::generic_category().message(errno))};
  }

  /// Returns whether there may be more: it ended since enough waits for the local side.
  bool take_remote() {
    std::string message;
    while (!remote_closed_ && to_local_.size() < bound_) {
      switch (remote_.receive(message)) {
        case http::WebSocket::Received::nothing:
          return false;
        case http::WebSocket::Received::closed:
          remote_closed_ = true;
          return false;
        case http::WebSocket::Received::message:
          take_message(message);
      }
    }
    return !remote_closed_;
  }

  void take_message(const std::string& message) {
    if (message.empty()) {
      return;
    }
    const char channel = message.front();
    bool& announced = channel == error_channel ? error_announced_ : data_announced_;
    if (!announced) {
      announced = true;  // the port's number
    } else if (channel == error_channel) {
      throw Error(ErrorKind::failure, message.substr(1));
    } else if (channel == data_channel) {
      to_local_.append(message, 1);
    }
  }

  void write_local() {
    std::size_t written = 0;
    while (written < to_local_.size()) {
      const ssize_t count = ::send(local_, to_local_.data() + written, to_local_.size() - written,
                                   MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0) {
        if (errno == EAGAIN || errno == EINTR) {
          break;
        }
        local_closed_ = true;  // nobody wants it any more
        return;
      }
      written += static_cast<std::size_t>(count);
    }
    to_local_.erase(0, written);
  }

  void take_local() {
    const ssize_t count = ::recv(local_, input_.data(), input_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (count <= 0) {
      local_closed_ = true;
      remote_.close();
      return;
    }
    remote_.send({&data_channel, 1}, {input_.data(), static_cast<std::size_t>(count)});
  }

  int local_;
  http::WebSocket& remote_;
  std::size_t bound_;
  std::vector<char> input_;
  std::string to_local_;
  bool data_announced_ = false;
  bool error_announced_ = false;
  bool local_closed_ = false;
  bool remote_closed_ = false;
};

}  // namespace

void carry_connection(int local, http::WebSocket& remote, int wake, std::size_t bound) {
  Connection(local, remote, bound).run(wake);
}

}  // namespace crossover::kube
