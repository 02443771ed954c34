#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kube/client.h"

namespace crossover::test {

inline nlohmann::json pod_named(const std::string& name, const std::string& app) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"labels", {{"app", app}}}}},
          {"spec", {{"containers", {{{"name", "main"}, {"image", "localhost/none:1"}}}}}}};
}

/// As its node would say it.
inline void set_pod_ready(kube::Client& client, const std::string& name, bool ready) {
  client.patch({"v1", "Pod", {}, name}, kube::PatchType::merge,
               {{"status",
                 {{"phase", "Running"},
                  {"conditions",
                   {{{"type", "Ready"},
                     {"status", ready ? "True" : "False"},
                     {"message", "containers with unready status: [main]"}}}}}}},
               {.dry_run = false, .subresource = "status"});
}

}  // namespace crossover::test
