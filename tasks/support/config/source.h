#pragma once

#include <map>
#include <string>
#include <vector>

namespace crossover::config {

/// Where Kubernetes objects come from: one OpenShift template, or plain manifests. Exactly one of
/// `template_file` and `manifests` is set. Paths are as the process may open them: those in the
/// file are relative to the folder of crossover.yaml.
struct Source {
  std::string template_file;                      ///< `template`: a template.openshift.io/v1 file
  std::map<std::string, std::string> parameters;  ///< of the template; win over the files
  std::vector<std::string> parameter_files;       ///< `parameterFiles`: NAME=VALUE lines
  std::map<std::string, std::string> labels;      ///< added to every object
  bool ignore_unknown_parameters = false;         ///< as `oc process` names it
  std::string manifests;                          ///< a YAML or JSON file, or a folder of them
  std::string namespace_name;  ///< `namespace`: where the objects go; empty: the migration's
};

}  // namespace crossover::config
