#include "kube/forward_listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "http/websocket.h"
#include "kube/forward_connection.h"

namespace crossover::kube {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw Error(ErrorKind::failure, fmt::format("unable to {} 'port-forward': {}", what,
                                              std::generic_category().message(errno)));
}

std::string name_of(const ForwardTarget& target) {
  if (!target.service.empty()) {
    return "service/" + target.service;
  }
  return target.pod.empty() ? "pods " + target.selector : "pod/" + target.pod;
}

}  // namespace

PortForward::Listener::Listener(Client& client, ForwardTarget target, Log& log)
    : client_(client), target_(std::move(target)), log_(log) {
  pod_ = resolve_target(client_, target_).pod;
  socket_ = files::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  wake_ = files::Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!socket_ || !wake_) {
    refuse("open");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket_.get(), generic, size) != 0 || ::listen(socket_.get(), SOMAXCONN) != 0 ||
      ::getsockname(socket_.get(), generic, &size) != 0) {
    refuse("listen for");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

PortForward::Listener::~Listener() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  acceptor_.join();
}

std::string PortForward::Listener::pod() const {
  const std::lock_guard lock(mutex_);
  return pod_;
}

std::string PortForward::Listener::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void PortForward::Listener::note(const std::string& error) noexcept {
  try {
    {
      const std::lock_guard lock(mutex_);
      last_error_ = error;
    }
    log_.warning("connection to {} ended: {}", name_of(target_), error);
  } catch (...) {
    return;  // no memory even for that: the connection is closed, which is what matters
  }
}

void PortForward::Listener::reap(bool all) {
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    if (all || worker->done) {
      worker->thread.join();
      worker = workers_.erase(worker);
    } else {
      ++worker;
    }
  }
}

void PortForward::Listener::accept_all() noexcept {
  std::array<pollfd, 2> ready = {{{wake_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}}};
  while (true) {
    ::poll(ready.data(), ready.size(), -1);
    if ((ready[0].revents & POLLIN) != 0) {
      break;
    }
    files::Descriptor local(
        ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!local) {
      continue;
    }
    const int on = 1;
    ::setsockopt(local.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    reap(false);
    try {
      Worker& worker = workers_.emplace_back();
      try {
        worker.thread = std::thread([this, &worker, descriptor = local.get()] {
          carry(files::Descriptor(descriptor));
          worker.done = true;
        });
        static_cast<void>(local.release());
      } catch (...) {
        workers_.pop_back();
        throw;
      }
    } catch (const std::exception& error) {
      note(error.what());  // no more threads: this connection is closed, the others live
    }
  }
  reap(true);
}

void PortForward::Listener::carry(files::Descriptor local) noexcept {
  try {
    // At each connection anew: after a failover the pod is another.
    const PodPort goal = resolve_target(client_, target_);
    {
      const std::lock_guard lock(mutex_);
      pod_ = goal.pod;
    }
    const std::unique_ptr<http::WebSocket> remote = client_.open_port(goal.ns, goal.pod, goal.port);
    carry_connection(local.get(), *remote, wake_.get());
  } catch (const Error& error) {
    note(error.text());
  } catch (const std::exception& error) {
    note(error.what());
  }
}

}  // namespace crossover::kube
