#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace crossover::document {

/// Limits that keep hostile or broken documents from taking memory or stack.
inline constexpr std::size_t max_document_bytes = 8U << 20U;
inline constexpr int max_depth = 1000;

/// Where a piece of text comes from, for messages.
struct Source {
  std::string name;    ///< the file as the user named it
  int first_line = 1;  ///< of the piece within the file

  /// "unable to read 'NAME': NAME:LINE: CAUSE", kind usage. `line` counts from 0 within the piece.
  Error error(std::size_t line, std::string_view cause) const;
};

/// The content of a file; "-" is standard input. Error (usage) when it can't be read, is a
/// directory or is larger than `limit` bytes.
std::string read_document(const std::string& path, std::size_t limit = max_document_bytes);

/// `text` with each byte that is not part of valid UTF-8 replaced by U+FFFD, as Go's encoding/json
/// does it.
std::string valid_utf8(std::string_view text);

}  // namespace crossover::document
