#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "files/descriptor.h"
#include "kube/port_forward.h"

namespace crossover::kube {

/// Accepts on 127.0.0.1 and runs a thread for each connection. Threads end when their connection
/// does, or when the listener is destroyed.
class PortForward::Listener {
 public:
  Listener(Client& client, ForwardTarget target, Log& log);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int local_port() const { return port_; }
  std::string pod() const;
  std::string last_error() const;

 private:
  struct Worker {
    std::thread thread;
    std::atomic<bool> done{false};
  };

  void accept_all() noexcept;
  void reap(bool all);
  void carry(files::Descriptor local) noexcept;
  void note(const std::string& error) noexcept;

  Client& client_;
  const ForwardTarget target_;
  Log& log_;
  files::Descriptor socket_;
  files::Descriptor wake_;  // an eventfd that stays readable once we are to end
  int port_ = 0;
  mutable std::mutex mutex_;
  std::string pod_;
  std::string last_error_;
  std::list<Worker> workers_;  // of the accepting thread alone
  std::thread acceptor_;
};

}  // namespace crossover::kube
