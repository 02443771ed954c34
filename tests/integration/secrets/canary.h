#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace crossover::test {

/// A password that needs quoting in a shell, in SQL, in JSON, in YAML, in PgBouncer's user file and
/// in a URI.
inline constexpr const char* canary = R"(cAnaryPw7Qz'"\ $x%41)";
/// As part of a URI.
inline constexpr const char* canary_in_uri = "cAnaryPw7Qz%27%22%5C%20%24x%2541";
/// As a value of a libpq connection string.
inline constexpr const char* canary_in_dsn = R"('cAnaryPw7Qz\'"\\ $x%41')";
/// As a literal of SQL.
inline constexpr const char* canary_in_sql = R"('cAnaryPw7Qz''"\ $x%41')";

/// Where `secret` stands in `text`, each with what is around it: as it is, cut at its first
/// character that somebody may escape, or in base64 wherever that begins. Empty: nowhere.
std::vector<std::string> traces(std::string_view text, std::string_view secret = canary);

/// Reads the command lines of all processes again and again, as `ps` of somebody else would, until
/// it ends.
class CommandLines {
 public:
  CommandLines();
  ~CommandLines();
  CommandLines(const CommandLines&) = delete;
  CommandLines& operator=(const CommandLines&) = delete;

  /// Every one that was seen, arguments apart by spaces.
  std::set<std::string> seen() const;

 private:
  void look();
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::set<std::string> seen_;
  std::thread thread_;
};

}  // namespace crossover::test
