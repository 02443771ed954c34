#pragma once

#include "config/fields.h"
#include "config/migration.h"

/// The keys of each section of crossover.yaml, with their meaning and rules.
namespace crossover::config {

void describe(Fields& fields, Source& source);
void describe(Fields& fields, Kubernetes& kubernetes);
void describe(Fields& fields, Target& target);
void describe(Fields& fields, Tls& tls);
void describe(Fields& fields, Credentials& credentials);
void describe(Fields& fields, Database& database);
void describe(Fields& fields, Databases& databases);
void describe(Fields& fields, Probe& probe);
void describe(Fields& fields, Network& network);
void describe(Fields& fields, Flyway& flyway);
void describe(Fields& fields, Provision& provision);
void describe(Fields& fields, Pooler& pooler);
void describe(Fields& fields, TablePolicy& policy);
void describe(Fields& fields, Answers& answers);
void describe(Fields& fields, Sync& sync);
void describe(Fields& fields, Seeds& seeds);
void describe(Fields& fields, CleanupCall& cleanup);
void describe(Fields& fields, EndpointCheck& check);
void describe(Fields& fields, VerifyTargets& targets);
void describe(Fields& fields, Verify& verify);
void describe(Fields& fields, Marker& marker);
void describe(Fields& fields, Route& route);
void describe(Fields& fields, Health& health);
void describe(Fields& fields, Cutover& cutover);
void describe(Fields& fields, Action& action);
void describe(Fields& fields, SideEffect& side_effect);
void describe(Fields& fields, BackupCheck& check);
void describe(Fields& fields, Backup& backup);
void describe(Fields& fields, Cleanup& cleanup);
void describe(Fields& fields, Migration& migration);

}  // namespace crossover::config
