#pragma once

#include <string>
#include <vector>

#include "integration/property/site.h"
#include "integration/property/writers.h"

namespace crossover::test::property {

/// What differs between the two databases, by plain SQL: every relation's rows as sorted text, but
/// for those of `skipped` ("schema.table", unquoted). Empty when nothing does.
std::string compare_rows(Site& site, const std::vector<std::string>& skipped);

/// All rows of one table, by its quoted name.
std::string digest(postgres::Session& session, const std::string& table);

/// What the writers' counters and tokens say, by their numbers.
std::vector<Acknowledged> read_acknowledged(postgres::Session& session);

/// What is `there` of one writer beyond what it was `told`; empty when nothing is.
std::string more_than_acknowledged(std::size_t writer, const Acknowledged& there,
                                   const Acknowledged& told);

/// Whether each side holds exactly what the writers were told; empty when it does.
std::string compare_acknowledged(Site& site, const std::vector<Acknowledged>& acknowledged);

/// Whether the sequences of `live` stand at least `steps` steps past what those of the other side
/// have handed out, or no further back than these where a bound is nearer; empty when they do.
std::string compare_sequences(Site& site, sync::Side live, std::int64_t steps);

}  // namespace crossover::test::property
