#pragma once

#include <string>
#include <string_view>

namespace crossover {

/// A value that must not be seen: a password, a token, a private key. It has no conversion to a
/// string and no stream operator, so that it can't reach a log, a result or an error text by
/// accident; `reveal` is what a reviewer looks for. The memory is overwritten when the object dies
/// or is assigned to.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);
  ~Secret();
  Secret(const Secret& other) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;

  /// The value itself, for handing to a library or a socket and for nothing else.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  bool operator==(const Secret& other) const = default;

 private:
  void wipe() noexcept;
  std::string value_;
};

/// What stands in place of a secret where people look.
inline constexpr std::string_view redacted = "[redacted]";

}  // namespace crossover
