#include "document/source.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace crossover::document {
namespace {

Error unreadable(const std::string& path, std::string_view cause) {
  return {ErrorKind::usage, fmt::format("unable to read '{}': {}", path, cause)};
}

/// How many bytes at the front of `text` (not empty) make one valid character; 0 when none do.
/// The table is that of the Unicode standard, 3.9, table 3-7.
std::size_t character_length(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continued = [&at](std::size_t from, std::size_t end) {
    for (std::size_t i = from; i < end; ++i) {
      if (at(i) < 0x80 || at(i) > 0xBF) return false;
    }
    return true;
  };
  const unsigned lead = at(0);
  const unsigned second = at(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continued(1, 2) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && second < 0xA0) return 0;
    if (lead == 0xED && second > 0x9F) return 0;
    return continued(1, 3) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && second < 0x90) return 0;
    if (lead == 0xF4 && second > 0x8F) return 0;
    return continued(1, 4) ? 4 : 0;
  }
  return 0;
}

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != nullptr && file != stdin)
      std::fclose(file);  // NOLINT(cppcoreguidelines-owning-memory): unique_ptr is the owner
  }
};

}  // namespace

Error Source::error(std::size_t line, std::string_view cause) const {
  return {ErrorKind::usage, fmt::format("unable to read '{}': {}:{}: {}", name, name,
                                        line + static_cast<std::size_t>(first_line), cause)};
}

std::string read_document(const std::string& path, std::size_t limit) {
  const bool from_stdin = path == "-";
  std::error_code ignored;
  if (!from_stdin && std::filesystem::is_directory(path, ignored)) {
    throw unreadable(path, "is a directory");
  }
  const std::unique_ptr<std::FILE, CloseFile> file(from_stdin ? stdin
                                                              : std::fopen(path.c_str(), "rbe"));
  if (!file) throw unreadable(path, std::strerror(errno));
  std::string text;
  std::array<char, 65536> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), got);
    if (text.size() > limit) {
      throw unreadable(path, fmt::format("larger than {} MiB", limit >> 20U));
    }
  }
  if (std::ferror(file.get()) != 0) throw unreadable(path, std::strerror(errno));
  return text;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace crossover::document
