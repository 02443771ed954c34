#pragma once

#include "postgres/session.h"
#include "sync/catalogue.h"

namespace crossover::sync {

/// Servers of different versions show one expression in different ways: what was written as
/// EXTRACT(year FROM at) is shown so from 14 on and as date_part('year'::text, at) before. Where
/// the expressions of generated columns, CHECK constraints and domains differ, the server of the
/// lower version is asked how it reads either text; when it reads both as the same, `new_side` gets
/// the text of `old_side`, so that compare_structure finds no difference. What that server cannot
/// read, and domains with several constraints, stay as they are, as does everything when both
/// versions are the same.
///
/// Reads only: the expressions are planned, never run. Neither session may be in a transaction.
/// Throws Error when a connection is lost.
void match_spelling(postgres::Session& old_session, const Catalogue& old_side,
                    postgres::Session& new_session, Catalogue& new_side);

}  // namespace crossover::sync
