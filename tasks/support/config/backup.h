#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/source.h"

namespace crossover::config {

/// How a backup is restored and compared.
struct BackupCheck {
  std::vector<std::string> command;  ///< run in the backup's container: makes a backup now
  std::string directory = "/backups";
  std::vector<std::string> tables;  ///< compared; empty: all
};

/// `backup`: step 9.
struct Backup {
  std::string release;              ///< of Helm
  std::string chart;                ///< folder or archive, NAME with `repository`, or oci://...
  std::string version;              ///< of the chart; empty: newest
  std::string repository;           ///< URL of a chart repository
  std::vector<std::string> values;  ///< files
  std::map<std::string, std::string> set;  ///< single values, as `helm --set-string`
  std::string workload;                    ///< "deployment/NAME"; empty: found by the release
  std::vector<Source> network;
  std::vector<Source> rbac;
  std::string rbac_namespace;
  std::vector<Source> restore_rbac;  ///< applied by `remove`
  BackupCheck check;
  Duration timeout = std::chrono::minutes(10);
};

}  // namespace crossover::config
