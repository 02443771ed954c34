#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"

namespace crossover::cli {

enum class OptionType {
  flag,  ///< present or not; in the environment true/false
  string,
  integer,
  duration,     ///< "500ms", "2s", "10m"
  bytes,        ///< "64MiB"
  enumeration,  ///< one of `values`
  list,         ///< may be repeated; in the environment one value a line
};

/// One option, declared once: parsing, --help, README, man page, Tekton params and action inputs
/// are made from it. Write it with designated initialisers.
struct OptionSpec {
  std::string name = {};   ///< without dashes, "lock-timeout"
  char short_name = '\0';  ///< 'f' for -f
  OptionType type = OptionType::string;
  std::string value_name = {};  ///< "DURATION" in --lock-timeout DURATION
  std::string help = {};        ///< one sentence, lower case, no final stop
  std::string default_value = {};
  std::vector<std::string> values = {};  ///< of an enumeration
  /// Environment variable; empty: CROSSOVER_ and the name, upper case, dashes as underscores.
  std::string env = {};
  /// Key of crossover.yaml that the option overrides, "sync.lockTimeout". The value given by flag
  /// or environment is then in the typed configuration itself, and the option's getter gives the
  /// effective value, the file's included.
  std::string config_path = {};
  std::vector<std::string> verbs = {};  ///< that take it; empty: all
  bool secret = false;  ///< taken from the environment only, never from the command line
  bool hidden = false;  ///< not in any help
  /// When given, crossover.yaml is read only if --config names it: for what makes the file
  /// needless, `--template FILE`.
  bool without_config = false;

  std::string environment_name() const;
};

/// Where a value came from; later ones win.
enum class Origin { none, built_in, file, environment, flag };

/// The values of a run. Getters are for declared names only (anything else is a std::logic_error)
/// and never fail otherwise: values were checked when they were parsed. An option without a value
/// and without a default gives an empty text, 0, false, an empty list.
class Options {
 public:
  struct Value {
    OptionType type = OptionType::string;
    Origin origin = Origin::none;
    std::vector<std::string> texts;
    Secret secret;
  };

  Options() = default;
  explicit Options(std::map<std::string, Value, std::less<>> values) : values_(std::move(values)) {}

  bool flag(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  Duration duration(std::string_view name) const;
  std::uint64_t bytes(std::string_view name) const;
  const std::vector<std::string>& list(std::string_view name) const;
  const Secret& secret(std::string_view name) const;
  /// By a flag or the environment.
  bool given(std::string_view name) const;
  Origin origin(std::string_view name) const;

 private:
  const Value& find(std::string_view name) const;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace crossover::cli
