#include "kube/credentials.h"

#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <sstream>

#include "process/command.h"

namespace crossover::kube {

namespace {

constexpr auto token_file_age = std::chrono::minutes(1);
constexpr auto plugin_timeout = std::chrono::seconds(60);
/// A credential that is about to expire is not worth a request.
constexpr auto expiry_margin = std::chrono::seconds(5);

Error plugin_error(const std::string& plugin, const std::string& cause, std::string hint = {}) {
  return {ErrorKind::precondition,
          fmt::format("unable to get credentials from '{}': {}", plugin, cause), std::move(hint)};
}

std::string exec_info(const ExecPlugin& plugin) {
  nlohmann::json info = {{"apiVersion", plugin.api_version},
                         {"kind", "ExecCredential"},
                         {"spec", {{"interactive", false}}}};
  if (!plugin.cluster.is_null()) {
    info["spec"]["cluster"] = plugin.cluster;
  }
  return info.dump();
}

std::string trimmed(std::string text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

}  // namespace

std::optional<Clock::Wall> parse_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) {
    return std::nullopt;
  }
  double fraction = 0;
  if (*rest == '.') {
    char* end = nullptr;
    fraction = std::strtod(rest, &end);
    rest = end;
  }
  long offset = 0;
  if (*rest == '+' || *rest == '-') {
    int hours = 0;
    int minutes = 0;
    if (std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) {
      return std::nullopt;
    }
    offset = (hours * 60L + minutes) * 60L * (*rest == '-' ? -1 : 1);
  } else if (*rest != 'Z' && *rest != 'z') {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(timegm(&parts) - offset) +
         std::chrono::microseconds(static_cast<long>(fraction * 1e6));
}

PluginAnswer parse_plugin_answer(const std::string& text, const std::string& plugin) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (text_at(document, "/kind") != "ExecCredential") {
    throw plugin_error(plugin, "it did not print an ExecCredential");
  }
  PluginAnswer answer;
  Credential& credential = answer.credential;
  credential.token = Secret(text_at(document, "/status/token"));
  credential.certificate_pem = text_at(document, "/status/clientCertificateData");
  credential.key_pem = Secret(text_at(document, "/status/clientKeyData"));
  if (credential.token.empty() && credential.certificate_pem.empty()) {
    throw plugin_error(plugin, "its answer holds neither a token nor a certificate");
  }
  if (const std::string time = text_at(document, "/status/expirationTimestamp"); !time.empty()) {
    answer.expires = parse_rfc3339(time);
  }
  return answer;
}

CredentialSource::CredentialSource(const Access& access, const Clock& clock)
    : access_(access), clock_(clock) {}

Credential CredentialSource::current() {
  const std::lock_guard lock(mutex_);
  const bool stale = (read_again_ && clock_.now() >= *read_again_) ||
                     (expires_ && clock_.wall() + expiry_margin >= *expires_);
  if (!loaded_ || stale) {
    load();
  }
  return credential_;
}

bool CredentialSource::refresh(const Credential& rejected) {
  const std::lock_guard lock(mutex_);
  if (credential_.generation != rejected.generation) {
    return true;
  }
  if (access_.exec) {
    load();
    return true;
  }
  if (access_.token_file.empty()) {
    return false;
  }
  load();
  return credential_.token != rejected.token;
}

void CredentialSource::load() {
  const int generation = credential_.generation + 1;
  credential_ = Credential();
  credential_.certificate_pem = access_.tls.certificate_pem;
  credential_.key_pem = access_.tls.key_pem;
  if (!access_.token_file.empty()) {
    load_token_file();
  } else if (!access_.token.empty()) {
    credential_.token = access_.token;
  } else if (!access_.username.empty()) {
    credential_.basic = Secret(access_.username + ":" + access_.password.reveal());
  } else if (access_.exec) {
    load_from_plugin();
  }
  credential_.generation = generation;
  loaded_ = true;
}

void CredentialSource::load_token_file() {
  std::ifstream stream(access_.token_file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  const std::string token = trimmed(text.str());
  if (token.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read token file '{}': {}", access_.token_file.string(),
                            stream.is_open() ? "it is empty" : "it can't be opened"));
  }
  credential_.token = Secret(token);
  read_again_ = clock_.now() + token_file_age;
}

void CredentialSource::load_from_plugin() {
  const ExecPlugin& plugin = *access_.exec;
  const std::string& name = plugin.argv.front();
  process::Command command;
  command.argv = plugin.argv;
  command.environment = plugin.environment;
  command.environment.emplace_back("KUBERNETES_EXEC_INFO", exec_info(plugin));
  command.timeout = plugin_timeout;
  process::Outcome outcome;
  try {
    outcome = process::run(command);
  } catch (const Error& error) {
    throw plugin_error(name, error.message(), plugin.install_hint);
  }
  if (!outcome.ok()) {
    throw plugin_error(name, outcome.ending() + ": " + trimmed(outcome.err), plugin.install_hint);
  }
  PluginAnswer answer = parse_plugin_answer(outcome.out, name);
  if (!answer.credential.certificate_pem.empty()) {
    credential_.certificate_pem = answer.credential.certificate_pem;
    credential_.key_pem = answer.credential.key_pem;
  }
  credential_.token = answer.credential.token;
  expires_ = answer.expires;
}

}  // namespace crossover::kube
