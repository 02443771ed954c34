#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// What libyaml 0.2 and go-yaml v2, which grew out of libyaml 0.1, see differently in a text.

namespace crossover::document {

/// Thrown where libyaml refuses what go-yaml, an older relative, takes, and the text can be mended.
struct Mendable {
  enum class What {
    apostrophe,  ///< `\'` in a double-quoted scalar
    colon        ///< a colon before a flow indicator, as in `[a:]`: it belongs to the scalar
  };
  What what;
  std::size_t offset;  ///< in bytes, of the backslash or the colon
};

/// Finds characters by their number, as libyaml counts, in a text of bytes. Cheap as long as one
/// goes forward.
class Cursor {
 public:
  explicit Cursor(std::string_view text)
      : text_(text), bytes_(text.starts_with("\xEF\xBB\xBF") ? 3 : 0) {}

  /// The offset in bytes of a character; the size of the text when it has fewer.
  std::size_t offset(std::size_t character) {
    while (characters_ < character && bytes_ < text_.size()) {
      ++bytes_;
      while (bytes_ < text_.size() && continues(text_[bytes_])) ++bytes_;
      ++characters_;
    }
    return bytes_;
  }

 private:
  static bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

  std::string_view text_;
  std::size_t bytes_;
  std::size_t characters_ = 0;
};

/// Whether the raw text of a double-quoted scalar has the escape `\/`.
bool has_escaped_slash(std::string_view raw);

/// The text with `\'` turned into an apostrophe from `offset` to the end of the quoted scalar
/// there.
std::string without_escaped_apostrophes(std::string_view text, std::size_t offset);

/// A character for private use (U+E000 and up) that the text doesn't have, to stand for a colon;
/// empty when the text has them all.
std::string unused_character(std::string_view text);

}  // namespace crossover::document
