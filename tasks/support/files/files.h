#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "files/descriptor.h"

namespace crossover::files {

/// More than any document that a person writes; keeps a wrong path (a device, a dump) from filling
/// the memory.
inline constexpr std::size_t default_limit = std::size_t{16} << 20U;

/// The whole content of a file (a FIFO or /dev/stdin too). Throws Error{failure}
/// `unable to read 'PATH': CAUSE` where it is missing, unreadable, a folder or larger than `limit`.
std::string read(const std::filesystem::path& path, std::size_t limit = default_limit);

/// A credential from a file: at most 1 MiB, the one line end that editors add is taken off.
Secret read_secret(const std::filesystem::path& path);

/// Puts `content` at `path` so that a reader sees the old file or the whole new one, after a crash
/// too: a temporary file beside it, fsync, rename, fsync of the folder. Throws Error{failure}
/// `unable to write 'PATH': CAUSE` and leaves the old file and no temporary one.
void write_atomically(const std::filesystem::path& path, std::string_view content,
                      mode_t mode = 0644);

class Draft;

/// The same for a content that is too large to be held: it is written piece by piece and stands at
/// its place when `commit` has returned. An object that goes without it leaves nothing behind.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path, mode_t mode = 0644);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view content);
  void commit();
  /// The same, but what stands at its place stays there: then the content comes to the first of
  /// NAME-2.EXTENSION, NAME-3.EXTENSION, ... that is free, unless one before that has it already.
  /// Returns its place.
  std::filesystem::path commit_beside();

 private:
  void finish();
  std::filesystem::path path_;
  mode_t mode_;
  std::string buffer_;
  std::unique_ptr<Draft> draft_;
};

/// Adds `content` to the end of a file that others may add to as well (GITHUB_OUTPUT). Creates it.
void append(const std::filesystem::path& path, std::string_view content);

/// Writes all of `content` to a descriptor, going on after signals and short writes. Throws
/// Error{failure} `unable to write 'NAME': CAUSE`.
void write_all(int descriptor, std::string_view content, std::string_view name);

/// A folder of mode 0700 under $TMPDIR (or /tmp), deleted with all that is in it at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }

 private:
  void remove() noexcept;
  std::filesystem::path path_;
};

/// Bytes that a library or a child process wants to read as a file (CA certificates, credentials,
/// chart values): an anonymous file in memory, sealed against changes, that no other user can open
/// and that vanishes with the process, however it ends. Works where the root file system is
/// read-only.
class MemoryFile {
 public:
  /// `name` is for people who look into /proc only.
  MemoryFile(std::string_view name, std::string_view content);
  MemoryFile(std::string_view name, const Secret& content);

  /// "/proc/self/fd/N": valid in this process, and in a child that was given `descriptor()` in
  /// process::Command::keep_open.
  std::string path() const;
  int descriptor() const { return descriptor_.get(); }

 private:
  Descriptor descriptor_;
};

}  // namespace crossover::files
