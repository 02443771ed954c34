#include "kube/credentials.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace crossover::kube {

namespace {

/// An exec plugin: a script that counts its runs in a file beside it.
class Plugin {
 public:
  explicit Plugin(const std::string& body) {
    std::string name = (std::filesystem::temp_directory_path() / "plugin-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::ofstream(path()) << "#!/bin/sh\necho x >> \"$0.runs\"\n" << body;
    std::filesystem::permissions(path(), std::filesystem::perms::owner_all);
  }
  ~Plugin() { std::filesystem::remove_all(folder_); }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  std::string path() const { return (folder_ / "plugin").string(); }
  std::uintmax_t runs() const { return std::filesystem::file_size(path() + ".runs") / 2; }
  Access access() const {
    Access access;
    access.exec =
        ExecPlugin{{path()}, {{"N", "v"}}, "client.authentication.k8s.io/v1", "get it", {}};
    return access;
  }

 private:
  std::filesystem::path folder_;
};

std::string printing(const std::string& status) {
  return "cat <<END\n{\"kind\":\"ExecCredential\",\"status\":" + status + "}\nEND\n";
}

const SystemClock system_clock;

}  // namespace

TEST_CASE("a plugin is run once, and again when the server refuses what it gave", "[kube]") {
  const Plugin plugin(printing(R"({"token":"$N-token"})"));
  CredentialSource source(plugin.access(), system_clock);
  const Credential first = source.current();
  CHECK(first.token == Secret("v-token"));
  source.current();
  CHECK(plugin.runs() == 1);
  CHECK(source.refresh(first));
  CHECK(plugin.runs() == 2);
  // Another thread that was refused with the same one finds it renewed already.
  CHECK(source.refresh(first));
  CHECK(plugin.runs() == 2);
}

TEST_CASE("a plugin is run again when its credential has expired", "[kube]") {
  const Plugin plugin(printing(R"({"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"})"));
  CredentialSource source(plugin.access(), system_clock);
  source.current();
  source.current();
  CHECK(plugin.runs() == 2);
}

TEST_CASE("a plugin that fails is named with its words and its install hint", "[kube]") {
  const auto error_of = [](const Access& access) {
    CredentialSource source(access, system_clock);
    try {
      source.current();
    } catch (const Error& error) {
      return error.message() + " | " + error.hint();
    }
    return std::string("none");
  };
  const Plugin failing("echo 'not logged in' >&2; exit 3\n");
  CHECK(error_of(failing.access()) == "unable to get credentials from '" + failing.path() +
                                          "': exit code 3: not logged in | get it");
  const Plugin odd("echo hello\n");
  CHECK(error_of(odd.access()) == "unable to get credentials from '" + odd.path() +
                                      "': it did not print an ExecCredential | ");
}

TEST_CASE("times of RFC 3339 are read with fraction and offset", "[kube]") {
  const auto seconds = [](const std::string& text) {
    const std::optional<Clock::Wall> time = parse_rfc3339(text);
    return time ? std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch())
                      .count()
                : -1;
  };
  CHECK(seconds("1970-01-01T00:00:01Z") == 1000);
  CHECK(seconds("1970-01-01T00:00:01.500000Z") == 1500);
  CHECK(seconds("1970-01-01T01:00:01+01:00") == 1000);
  CHECK(seconds("yesterday") == -1);
  CHECK(seconds("1970-01-01T00:00:01") == -1);
}

}  // namespace crossover::kube
