#include "digest/sha256.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace crossover::digest {
namespace {

void check(int result) {
  if (result != 1) {
    throw Error(ErrorKind::failure, "unable to compute 'sha256': libcrypto refused",
                "see whether a FIPS policy of this machine forbids it");
  }
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { start(); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&& other) noexcept = default;
Sha256& Sha256::operator=(Sha256&& other) noexcept = default;

void Sha256::start() { check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)); }

Sha256& Sha256::update(std::string_view bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  return *this;
}

Sha256Bytes Sha256::finish() {
  Sha256Bytes bytes{};
  unsigned int length = 0;
  check(EVP_DigestFinal_ex(context_.get(), bytes.data(), &length));
  start();
  return bytes;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

Sha256Bytes sha256_bytes(std::string_view bytes) { return Sha256().update(bytes).finish(); }

std::string sha256(std::string_view bytes) { return hex(sha256_bytes(bytes)); }

std::string sha256_json(const nlohmann::json& value) {
  try {
    // nlohmann::json keeps the keys of an object sorted.
    return sha256(value.dump());
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::failure, "unable to compute 'sha256': a string is not UTF-8",
                "save the files that the plan is made of as UTF-8");
  }
}

}  // namespace crossover::digest
