#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "kube/kubeconfig.h"

namespace crossover::kube {

/// What proves to the server who we are.
struct Credential {
  Secret token;  ///< bearer
  Secret basic;  ///< "user:password"
  std::string certificate_pem;
  Secret key_pem;
  /// Counts how often the credential has been fetched anew.
  int generation = 0;
};

/// Keeps the credential of an Access fresh: a token file is read again each minute (the kubelet
/// rotates it), an exec plugin is run again when its credential expires, and both after a 401.
/// Thread-safe.
class CredentialSource {
 public:
  CredentialSource(const Access& access, const Clock& clock);

  /// Throws Error{precondition} `unable to get credentials from 'PLUGIN': ...` with the plugin's
  /// install hint when it cannot be run.
  Credential current();
  /// After the server refused `rejected`: fetches anew, unless another thread has done so already.
  /// False when there is nothing newer to try.
  bool refresh(const Credential& rejected);

 private:
  void load();
  void load_token_file();
  void load_from_plugin();

  const Access access_;
  const Clock& clock_;
  std::mutex mutex_;
  Credential credential_;
  bool loaded_ = false;
  std::optional<Clock::Monotonic> read_again_;
  std::optional<Clock::Wall> expires_;
};

/// An ExecCredential document as a plugin prints it. Pure. Throws Error{precondition}.
struct PluginAnswer {
  Credential credential;
  std::optional<Clock::Wall> expires;
};
PluginAnswer parse_plugin_answer(const std::string& text, const std::string& plugin);

/// "2026-01-31T23:59:59Z", with or without a fraction, UTC or with an offset; nullopt for anything
/// else.
std::optional<Clock::Wall> parse_rfc3339(const std::string& text);

}  // namespace crossover::kube
