#include "base/secret.h"

#include <cstring>
#include <utility>

namespace crossover {

Secret::Secret(std::string value) : value_(std::move(value)) {}

Secret::~Secret() { wipe(); }

// A moved-from std::string may keep short values in its own buffer, so the source is wiped by hand.
Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

void Secret::wipe() noexcept {
  value_.resize(value_.capacity());
  explicit_bzero(value_.data(), value_.size());
  value_.clear();
}

}  // namespace crossover
