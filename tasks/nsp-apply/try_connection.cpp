#include "nsp-apply/try_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "files/descriptor.h"

namespace crossover::nsp_apply {

namespace {

constexpr auto patience = std::chrono::seconds(5);

Error unable(const std::string& target, int error) {
  return {ErrorKind::failure, fmt::format("unable to connect to '{}': {}", target,
                                          std::generic_category().message(error))};
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& target) {
  const std::size_t colon = target.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == target.size()) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to connect to '{}': it is not HOST:PORT", target));
  }
  std::string host = target.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), target.c_str() + colon + 1, &wanted, &found);
  if (code != 0) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to connect to '{}': {}", target, ::gai_strerror(code)));
  }
  return {found, &::freeaddrinfo};
}

void await(int descriptor, const std::string& target, const Clock& clock, Duration budget,
           const StopRequest& stop) {
  const Deadline deadline(clock, budget);
  pollfd ready{descriptor, POLLOUT, 0};
  while (::poll(&ready, 1, 100) <= 0) {
    stop.throw_if_requested();
    if (deadline.passed()) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to connect to '{}': no answer within {:g} s", target,
                              seconds(budget)));
    }
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    throw unable(target, error);
  }
}

}  // namespace

void try_connection(cli::TaskContext& context) {
  const std::string& target = context.options().text("connect");
  const Addresses addresses = resolve(target);
  const files::Descriptor descriptor(
      ::socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (descriptor.get() < 0) {
    throw unable(target, errno);
  }
  if (::connect(descriptor.get(), addresses->ai_addr, addresses->ai_addrlen) != 0) {
    if (errno != EINPROGRESS) {
      throw unable(target, errno);
    }
    await(descriptor.get(), target, context.clock(), context.timeout(patience), context.stop());
  }
  context.result().add_check(target, cli::CheckOutcome::pass, "open");
}

}  // namespace crossover::nsp_apply
