#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/migration.h"
#include "files/files.h"

namespace crossover::test {

/// A crossover.yaml in a folder of its own, named as in error texts.
class ConfigFile {
 public:
  explicit ConfigFile(std::string_view text) {
    files::write_atomically(folder_.path() / "crossover.yaml", text);
  }
  std::string path() const { return (folder_.path() / "crossover.yaml").string(); }
  std::string folder() const { return folder_.path().string(); }
  config::Migration load(const std::vector<config::Override>& overrides = {}) const {
    return config::load(path(), overrides);
  }
  /// Message and hint of the refusal, the folder taken out.
  std::string refusal(const std::vector<config::Override>& overrides = {}) const {
    try {
      load(overrides);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      std::string text = error.text() + (error.hint().empty() ? "" : "\nHINT: " + error.hint());
      for (std::size_t at = 0; (at = text.find(folder() + "/")) != std::string::npos;) {
        text.erase(at, folder().size() + 1);
      }
      return text;
    }
    return "accepted";
  }

 private:
  files::TemporaryDirectory folder_;
};

}  // namespace crossover::test
