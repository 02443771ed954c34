#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backup-install/helm.h"
#include "base/error.h"
#include "document/yaml.h"
#include "files/files.h"
#include "process/command.h"

namespace crossover::backup_install {

namespace {

using nlohmann::json;

/// The single values of the configuration, each as a file in memory: as arguments everybody could
/// read them in `ps`, and some are passwords. A file's content is taken as the string that it is.
class Values {
 public:
  Values(const std::map<std::string, std::string>& set, std::vector<std::string>& arguments) {
    for (const auto& [key, value] : set) {
      files_.emplace_back("helm-value", value);
      arguments.emplace_back("--set-file");
      arguments.push_back(key + "=" + files_.back().path());
    }
  }
  std::vector<int> descriptors() const {
    std::vector<int> numbers;
    for (const files::MemoryFile& file : files_) {
      numbers.push_back(file.descriptor());
    }
    return numbers;
  }

 private:
  std::vector<files::MemoryFile> files_;
};

class ProcessHelm final : public Helm {
 public:
  ProcessHelm(HelmOptions options, const StopRequest& stop)
      : options_(std::move(options)), stop_(stop) {}

  std::vector<Revision> history(const std::string& release) override {
    const process::Outcome outcome = run({"history", release, "--max", "20", "--output", "json"});
    if (!outcome.ok() && is_missing(outcome)) {
      return {};
    }
    std::vector<Revision> revisions;
    for (const json& entry : parse(accepted(outcome))) {
      revisions.push_back(
          {entry.value("revision", 0), entry.value("status", ""), entry.value("chart", "")});
    }
    std::ranges::sort(revisions, {}, &Revision::number);
    return revisions;
  }

  std::vector<json> manifest(const std::string& release) override {
    return document::load_stream(accepted(run({"get", "manifest", release})), "helm get manifest");
  }

  std::vector<json> rendered(const config::Backup& backup) override {
    std::vector<std::string> arguments = {"template"};
    std::ranges::move(chart_arguments(backup), std::back_inserter(arguments));
    const Values values(backup.set, arguments);
    // With the cluster's versions and lookups, as an upgrade would see them.
    arguments.insert(arguments.end(), {"--dry-run=server", "--no-hooks"});
    add_post_renderer(arguments);
    return document::load_stream(accepted(run(arguments, values.descriptors())), "helm template");
  }

  int upgrade(const config::Backup& backup) override {
    std::vector<std::string> arguments = {"upgrade", "--install"};
    std::ranges::move(chart_arguments(backup), std::back_inserter(arguments));
    const Values values(backup.set, arguments);
    // Without it, Helm would keep values of the last revision where none are given.
    arguments.insert(arguments.end(), {"--reset-values", "--output", "json"});
    add_post_renderer(arguments);
    return parse(accepted(run(arguments, values.descriptors()))).value("version", 0);
  }

  void rollback(const std::string& release, int revision) override {
    accepted(run({"rollback", release, std::to_string(revision)}));
  }

  bool uninstall(const std::string& release) override {
    const process::Outcome outcome =
        run({"uninstall", release, "--wait", "--timeout", timeout_text()});
    if (!outcome.ok() && is_missing(outcome)) {
      return false;
    }
    accepted(outcome);
    return true;
  }

 private:
  process::Outcome run(std::vector<std::string> arguments, std::vector<int> files = {}) const {
    process::Command command;
    command.keep_open = std::move(files);
    command.argv = {options_.program};
    std::ranges::move(arguments, std::back_inserter(command.argv));
    if (!options_.ns.empty()) {
      command.argv.insert(command.argv.end(), {"--namespace", options_.ns});
    }
    if (!options_.kubeconfig.empty()) {
      command.environment.emplace_back("KUBECONFIG", options_.kubeconfig);
    }
    if (!options_.context.empty()) {
      command.environment.emplace_back("HELM_KUBECONTEXT", options_.context);
    }
    command.output_limit = std::size_t{64} << 20U;
    command.timeout = options_.timeout + std::chrono::seconds(30);
    command.stop = &stop_;
    try {
      return process::run(command);
    } catch (Error& error) {
      if (error.kind() == ErrorKind::failure) {
        error.set_kind(ErrorKind::precondition)
            .set_hint("install Helm 3, or name the program with --helm");
      }
      throw;
    }
  }

  void add_post_renderer(std::vector<std::string>& arguments) const {
    for (std::size_t index = 0; index < options_.post_renderer.size(); ++index) {
      arguments.emplace_back(index == 0 ? "--post-renderer" : "--post-renderer-args");
      arguments.push_back(options_.post_renderer[index]);
    }
  }

  static bool is_missing(const process::Outcome& outcome) {
    return outcome.err.find("release: not found") != std::string::npos;
  }

  static std::string accepted(const process::Outcome& outcome) {
    if (!outcome.ok()) {
      std::string cause = outcome.err.substr(0, outcome.err.find_last_not_of(" \n") + 1);
      if (const std::size_t at = cause.rfind("Error: "); at != std::string::npos) {
        cause = cause.substr(at + 7);
      }
      throw Error(ErrorKind::failure,
                  fmt::format("unable to run 'helm': {}: {}", outcome.ending(), cause));
    }
    if (outcome.truncated) {
      throw Error(ErrorKind::failure, "unable to run 'helm': its output is too long");
    }
    return outcome.out;
  }

  static json parse(const std::string& text) {
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded()) {
      throw Error(ErrorKind::failure, "unable to run 'helm': its output is no JSON",
                  "Helm 3 is needed");
    }
    return value;
  }

  std::string timeout_text() const {
    return fmt::format("{}s", static_cast<std::int64_t>(seconds(options_.timeout)) + 1);
  }

  const HelmOptions options_;
  const StopRequest& stop_;
};

}  // namespace

std::unique_ptr<Helm> make_helm(HelmOptions options, const StopRequest& stop) {
  return std::make_unique<ProcessHelm>(std::move(options), stop);
}

}  // namespace crossover::backup_install
