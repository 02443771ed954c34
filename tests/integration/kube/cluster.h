#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/log.h"
#include "fixtures/error_of.h"
#include "kube/client.h"
#include "kube/connect.h"

namespace crossover::kube::testing {

/// A namespace of its own on the server of CROSSOVER_TEST_KUBECONFIG; deleted at the end.
class TestCluster {
 public:
  TestCluster() {
    const char* kubeconfig = std::getenv("CROSSOVER_TEST_KUBECONFIG");
    if (kubeconfig == nullptr) {
      FAIL("CROSSOVER_TEST_KUBECONFIG is not set: bring a sandbox up and point it there");
    }
    options_.kubeconfig = kubeconfig;
    options_.ns = "default";
    const nlohmann::json made = connect(options_, log_)
                                    ->create({{"apiVersion", "v1"},
                                              {"kind", "Namespace"},
                                              {"metadata", {{"generateName", "kube-test-"}}}});
    options_.ns = text_at(made, "/metadata/name");
    client_ = connect(options_, log_);
  }
  ~TestCluster() {
    try {
      client_->remove({"v1", "Namespace", {}, options_.ns});
    } catch (const Error& error) {
      WARN(error.text());
    }
  }
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  Client& client() { return *client_; }
  std::unique_ptr<Client> another() { return connect(options_, log_); }
  const std::string& ns() const { return options_.ns; }
  Log& log() { return log_; }

 private:
  NoLog log_;
  ConnectOptions options_;
  std::unique_ptr<Client> client_;
};

inline nlohmann::json config_map(const std::string& name, nlohmann::json data) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}}},
          {"data", std::move(data)}};
}

inline nlohmann::json deployment(const std::string& name, int replicas) {
  const nlohmann::json labels = {{"app", name}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", name}, {"labels", labels}}},
          {"spec",
           {{"replicas", replicas},
            {"selector", {{"matchLabels", labels}}},
            {"template",
             {{"metadata", {{"labels", labels}}},
              {"spec",
               {{"containers",
                 {{{"name", "main"},
                   {"image", "localhost/none:1"},
                   {"env", {{{"name", "A"}, {"value", "1"}}}},
                   {"ports", {{{"containerPort", 80}}}}}}}}}}}}}};
}

using test::error_of;

}  // namespace crossover::kube::testing
