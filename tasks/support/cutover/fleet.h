#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cutover/pooler.h"

namespace crossover::cutover {

/// All poolers of a service, commanded at once. Before each command `fence` is called: it throws
/// when the caller has no right to command any more. Not thread-safe.
class Fleet {
 public:
  explicit Fleet(std::vector<std::unique_ptr<Pooler>> poolers) : poolers_(std::move(poolers)) {}

  void set_fence(std::function<void()> fence) { fence_ = std::move(fence); }
  bool empty() const { return poolers_.empty(); }
  std::size_t size() const { return poolers_.size(); }

  /// The state of each, in order.
  std::vector<PoolerState> states(const Deadline& deadline);
  std::vector<std::string> names() const;
  /// Whether one of them is (Pooler::connecting).
  bool connecting(const Deadline& deadline);
  /// Returns when every pooler has no server connection in use. Throws if one is not so far by the
  /// deadline; the caller resumes.
  void pause(const Deadline& deadline);
  /// As a pause, but nothing that is under way is waited for: its clients see an error.
  void cut_off(const Deadline& deadline);
  /// Tries all, then throws the first error.
  void resume(const Deadline& deadline);
  /// Makes every pooler lead to `side`, and looks whether it does. Throws Error{failure} `unable to
  /// retarget pooler 'NAME': it leads to 'HOST:PORT/DB'` when one does not.
  void retarget(Side side, const Deadline& deadline);
  /// The same with at most `each` for each of its three round trips.
  void retarget(Side side, const Clock& clock, Duration each);
  void expel_others(const Deadline& deadline);
  void ping_check_entries();

 private:
  void command(PoolerCommand command, const Deadline& deadline);
  void require_target(Side side, const Deadline& deadline);
  std::vector<std::unique_ptr<Pooler>> poolers_;
  std::function<void()> fence_ = [] {};
};

}  // namespace crossover::cutover
