#pragma once

#include <string>
#include <vector>

#include "data-sync/migration.h"
#include "resources/object_set.h"

namespace crossover::data_sync {

/// The copy of the new API that a rehearsal calls: the objects of `provision.rehearsal`. Without
/// any, it is somebody else's to run, and this does nothing. Borrows the run.
class RehearsalApi {
 public:
  /// Throws as resources::load, and Error{usage} when no object names the rehearsal's entry.
  explicit RehearsalApi(const Run& run);

  const resources::ObjectSet& objects() const { return objects_; }
  /// Makes it and waits until it is ready.
  void bring_up();
  /// Deletes it, and what an earlier configuration has left of it; returns how many objects.
  /// `stop`: what else may end the waiting.
  std::size_t remove(const StopRequest& stop);
  /// Addresses of its pods.
  std::vector<std::string> addresses() const;

 private:
  bool outside() const { return run_.config().provision.rehearsal.empty(); }
  const Run& run_;
  resources::ObjectSet objects_;
};

}  // namespace crossover::data_sync
