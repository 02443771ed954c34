#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace crossover::digest {

using Sha256Bytes = std::array<std::uint8_t, 32>;

/// SHA-256 (FIPS 180-4) of something that arrives in pieces. Movable; one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&& other) noexcept;
  Sha256& operator=(Sha256&& other) noexcept;

  Sha256& update(std::string_view bytes);
  /// The digest of all that came; the object then stands at the empty input again.
  Sha256Bytes finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  void start();
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Lower case hexadecimal digits, two a byte.
std::string hex(std::span<const std::uint8_t> bytes);

Sha256Bytes sha256_bytes(std::string_view bytes);

/// 64 lower case hexadecimal digits.
std::string sha256(std::string_view bytes);

/// The digest of a JSON value in one canonical form (keys sorted, no white space, UTF-8), so that
/// equal values have equal digests whatever order they were written in. Throws Error{failure} when
/// a string in it is not UTF-8.
std::string sha256_json(const nlohmann::json& value);

}  // namespace crossover::digest
