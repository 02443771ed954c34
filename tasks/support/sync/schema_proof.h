#pragma once

#include <string>
#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// A cheap proof that what fingerprint_sql() looks at has not changed since a first look: the
/// number of the catalogue rows that it reads, and a sum of hashes of the transaction ids that made
/// them. What is changed after the first look bears the id of a transaction that had not committed
/// by then, so of none of the rows seen there; what goes is missing from the number. It may say
/// "changed" where the fingerprint is the same (a GRANT is enough); then the fingerprint decides.
class SchemaProof {
 public:
  /// The first look. In a REPEATABLE READ transaction it is what that transaction sees.
  SchemaProof(postgres::Session& session, const std::vector<SyncedTable>& tables);

  /// Plans the second look in this session, so that it costs no planning then.
  void prepare(postgres::Session& session) const;

  /// The second look, in any session of the same database that was prepared. True proves that
  /// nothing has changed between the two looks, and so at no time between them.
  bool holds(postgres::Session& session) const;

 private:
  std::vector<postgres::Param> subjects_;  ///< oids of relations, types and schemas
  std::string first_;
};

}  // namespace crossover::sync
