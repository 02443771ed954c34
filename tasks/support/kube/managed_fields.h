#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace crossover::kube {

/// The object's managedFields after what client-side apply (`oc apply`, `kubectl apply`) owns has
/// been moved to `manager`'s own entry, or nullopt when it owns nothing. The rules of client-go's
/// util/csaupgrade: without an entry of its own, `manager` takes over the first of theirs; else
/// theirs of the same version is united with it; in any case theirs is gone afterwards. Pure.
std::optional<nlohmann::json> adopted_fields(const nlohmann::json& live, std::string_view manager);

/// Whether a server-side apply of `wanted` by `manager` would provably leave `live` as it is:
/// `manager` owns exactly the fields of `wanted`, no more and no less, and each has the wanted
/// value. False wherever that is not certain (another version, a null, two elements with one key,
/// another order): then the server must decide. Pure.
bool applied_already(const nlohmann::json& wanted, const nlohmann::json& live,
                     std::string_view manager);

}  // namespace crossover::kube
