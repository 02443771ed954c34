#pragma once

#include <string_view>

namespace crossover::resources {

/// Labels of the pods (and their workloads) that Crossover itself makes. The network rules that
/// `nsp-apply` adds for its own parts select by them, so whoever makes a part puts both on its pod
/// template. The values of `part_label` are the constants below.
inline constexpr std::string_view migration_label = "crossover.dev/migration";
inline constexpr std::string_view part_label = "crossover.dev/part";

inline constexpr std::string_view part_pooler = "pooler";  ///< PgBouncer with its guard
inline constexpr std::string_view part_check = "check";    ///< copy of the new API, for checks
inline constexpr std::string_view part_rehearsal = "rehearsal";  ///< the same, of a rehearsal
inline constexpr std::string_view part_follow = "follow";        ///< `data-sync follow`
inline constexpr std::string_view part_task = "task";    ///< pods of an engine that run a task
inline constexpr std::string_view part_probe = "probe";  ///< short-lived, of `nsp-apply prove`

}  // namespace crossover::resources
