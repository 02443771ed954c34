#pragma once

#include <array>
#include <string>
#include <vector>

#include "config/kubernetes.h"
#include "config/named.h"
#include "config/source.h"

namespace crossover::config {

enum class Reachability { open, closed };
inline constexpr std::array<Named<Reachability>, 2> reachabilities{
    {{"open", Reachability::open}, {"closed", Reachability::closed}}};

/// A connection that must (or must not) be possible: `nsp-apply prove` tries it.
struct Probe {
  std::string from;  ///< labels that the probing pod bears, "app=registry-api-flyway"
  Target to;
  Reachability expect = Reachability::open;
  std::string image;  ///< of the probing pod; empty: Migration::image
};

/// `network`: step 0 of the migration.
struct Network {
  bool translate = false;  ///< legacy NetworkSecurityPolicy → NetworkPolicy where it is missing
  std::vector<Source> rules;  ///< for the way to the new set
  std::vector<Source> home;   ///< for the way home
  std::vector<Probe> prove;
};

}  // namespace crossover::config
