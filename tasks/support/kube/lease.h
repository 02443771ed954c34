#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kube/client.h"

namespace crossover::kube {

struct LeaseOptions {
  std::string ns;         ///< empty: the client's own
  std::string migration;  ///< the Lease is `crossover-<migration>`
  std::string holder;     ///< lease_holder(...)
  Duration duration = std::chrono::seconds(15);
  /// Asked when another holds it and it has not expired: true takes it all the same. For tasks
  /// that know the holder to be dead, because its advisory locks in the databases are free.
  std::function<bool(const std::string& holder)> take_over_if;
};

/// "data-sync@host 1234 run-id": who holds it, readable for a person.
std::string lease_holder(const std::string& task, const std::string& run_id);

/// The lock that keeps two runs of one migration apart (coordination.k8s.io/v1 Lease). Renewed by a
/// thread at a third of its duration, freed in the destructor. It is no fence: a process that was
/// stopped for longer than `duration` may find it lost (`held` says false), and what must not be
/// done twice is guarded by owner tokens and resourceVersions.
class Lease {
 public:
  /// Takes it or throws Error{locked} `unable to lock migration 'NAME': held by 'X' since TIME`.
  /// Every write is conditional on the resourceVersion. A holder that does not renew it is found
  /// out by watching, as client-go's leader election does, since clocks of hosts differ: the
  /// constructor waits until the holder renews (then it throws, after a third of `duration` or
  /// less) or has not done so for `duration` (then it takes over).
  Lease(Client& client, LeaseOptions options, const Clock& clock, Log& log);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// False once renewal has failed for as long as the Lease lasts, or another has taken it.
  bool held() const;
  /// Throws Error{locked} `unable to keep the lock of migration 'NAME': ...` when it is lost.
  void throw_if_lost() const;
  /// Frees it now, best effort.
  void release() noexcept;

 private:
  class Keeper;
  std::unique_ptr<Keeper> keeper_;
};

/// Who holds it, for `status`.
struct LeaseState {
  std::string holder;  ///< empty: nobody
  std::string since;   ///< RFC 3339
  std::string renewed;
  bool expired = false;
};
std::optional<LeaseState> read_lease(Client& client, const std::string& ns,
                                     const std::string& migration, const Clock& clock);

}  // namespace crossover::kube
