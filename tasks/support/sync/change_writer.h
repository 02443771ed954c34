#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/database.h"
#include "sync/drain_batch.h"
#include "sync/position.h"
#include "sync/row_digest.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// How much one call of ChangeWriter::write brought.
struct Written {
  std::uint64_t keys = 0;
  std::uint64_t rows = 0;
  std::uint64_t tables = 0;
};

/// Whether whoever wants to become the drainer waits for the transaction's end.
enum class DrainerLock { none, until_end };

/// The target's side of a drain: one session that passes gate and capture, and the one transaction
/// that everything is written in. Not thread-safe.
class ChangeWriter {
 public:
  /// `session` as open_apply_session gives it.
  ChangeWriter(postgres::Session session, Direction direction);

  /// Begins the transaction; one that was open is rolled back.
  void begin();
  /// In it: Error{locked} unless `drainer` is the drainer.
  void require_drainer(std::string_view drainer, DrainerLock lock = DrainerLock::none);
  /// Writes what was read, and moves the position to `snapshot`. Rows that are too many to be held
  /// come from `source` as they are written. With `verify`, what then stands here is compared with
  /// what the source showed: Error{conflict} where it differs.
  Written write(const std::vector<TableBatch>& batches, const std::string& snapshot,
                postgres::Session& source, bool verify);
  void commit();
  void rollback() noexcept { transaction_.reset(); }

  /// Has the server plan all that `write` may need for these tables, once for all that follows.
  void plan_ahead(const std::vector<const SyncedTable*>& tables);

  postgres::Session& session() { return session_; }

 private:
  std::vector<postgres::Rows> write_small(const std::vector<TableBatch>& batches,
                                          const std::string& snapshot, bool verify,
                                          Written& written);
  RowDigest write_large(const TableBatch& batch, postgres::Session& source, Written& written,
                        bool verify);
  void verify_small(const std::vector<TableBatch>& batches,
                    const std::vector<postgres::Rows>& answers) const;
  void verify_large(const TableBatch& batch, const RowDigest& carried);

  Direction direction_;
  postgres::Session session_;
  PreparedStatements prepared_;
  std::optional<postgres::Transaction> transaction_;
};

}  // namespace crossover::sync
