#pragma once

#include <cstddef>

#include "http/websocket.h"

namespace crossover::kube {

/// Carries bytes between a connected local socket (non-blocking) and a port of a pod, by the
/// protocol v4.channel.k8s.io: each message begins with a channel's number, 0 for data and 1 for
/// errors, and the first message of either is the port. Returns when either side has ended, or
/// `wake` has become readable. Throws Error{failure} with what the error channel said, or when the
/// connection breaks. The protocol has no half-close: the end of the local side ends both. Neither
/// side is read while more than `bound` bytes wait for the other.
void carry_connection(int local, http::WebSocket& remote, int wake,
                      std::size_t bound = std::size_t{1} << 20U);

}  // namespace crossover::kube
