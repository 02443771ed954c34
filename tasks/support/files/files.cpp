#include "files/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace crossover::files {
namespace {

Error failure(std::string_view verb, std::string_view object, int code) {
  return Error(ErrorKind::failure, fmt::format("unable to {} '{}': {}", verb, object,
                                               std::generic_category().message(code)));
}

Descriptor open_file(const std::filesystem::path& path, int flags, mode_t mode,
                     std::string_view verb) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    throw failure(verb, path.string(), errno);
  }
  return Descriptor(descriptor);
}

bool same_content(int descriptor, const std::filesystem::path& path) {
  const Descriptor other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 65536> left{};
  std::array<char, 65536> right{};
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(descriptor, left.data(), left.size(), at);
    // A folder, or what may not be read, is not the same.
    if (got < 0 || ::pread(other.get(), right.data(), right.size(), at) != got ||
        !std::equal(left.begin(), left.begin() + got, right.begin())) {
      return false;
    }
    if (got == 0) {
      return true;
    }
    at += got;
  }
}

/// A rename is only kept over a power cut once the folder that names the file is on disk.
void sync_folder(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor descriptor = open_file(folder, O_RDONLY | O_DIRECTORY, 0, "write");
  // Some file systems cannot sync a folder (EINVAL); nothing better can be done there.
  ::fsync(descriptor.get());
}

}  // namespace

/// A temporary file that is deleted unless it was renamed to its place.
class Draft {
 public:
  explicit Draft(const std::filesystem::path& target) : name_(target.string() + ".XXXXXX") {
    descriptor_ = Descriptor(::mkostemp(name_.data(), O_CLOEXEC));
    if (!descriptor_) {
      throw failure("write", target.string(), errno);
    }
  }
  ~Draft() {
    if (!name_.empty()) {
      ::unlink(name_.c_str());
    }
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  int descriptor() const { return descriptor_.get(); }
  void rename_to(const std::filesystem::path& target) {
    if (::rename(name_.c_str(), target.c_str()) != 0) {
      throw failure("write", target.string(), errno);
    }
    name_.clear();
  }
  /// False where there is something of that name already.
  bool rename_to_new(const std::filesystem::path& target) {
    if (::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
      name_.clear();
      return true;
    }
    // File systems that can't do that (NFS) can link, and the draft's own name goes with it.
    if (errno == EINVAL && ::link(name_.c_str(), target.c_str()) == 0) {
      return true;
    }
    if (errno == EEXIST) {
      return false;
    }
    throw failure("write", target.string(), errno);
  }

 private:
  std::string name_;
  Descriptor descriptor_;
};

std::string read(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor descriptor = open_file(path, O_RDONLY, 0, "read");
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(descriptor.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw failure("read", path.string(), errno);
    }
    if (got == 0) {
      return content;
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > limit) {
      throw Error(ErrorKind::failure,
                  fmt::format("unable to read '{}': the file is larger than {} bytes",
                              path.string(), limit));
    }
  }
}

Secret read_secret(const std::filesystem::path& path) {
  std::string content = read(path, std::size_t{1} << 20U);
  if (content.ends_with('\n')) {
    content.pop_back();
  }
  if (content.ends_with('\r')) {
    content.pop_back();
  }
  return Secret(std::move(content));
}

void write_all(int descriptor, std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const ssize_t put = ::write(descriptor, content.data(), content.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      throw failure("write", name, errno);
    }
    content.remove_prefix(static_cast<std::size_t>(put));
  }
}

AtomicFile::AtomicFile(std::filesystem::path path, mode_t mode)
    : path_(std::move(path)), mode_(mode), draft_(std::make_unique<Draft>(path_)) {}

AtomicFile::~AtomicFile() = default;

void AtomicFile::write(std::string_view content) {
  constexpr std::size_t enough = 65536;
  if (buffer_.size() + content.size() < enough) {
    buffer_ += content;
    return;
  }
  write_all(draft_->descriptor(), buffer_, path_.string());
  buffer_.clear();
  write_all(draft_->descriptor(), content, path_.string());
}

void AtomicFile::finish() {
  write_all(draft_->descriptor(), buffer_, path_.string());
  buffer_.clear();
  if (::fchmod(draft_->descriptor(), mode_) != 0 || ::fsync(draft_->descriptor()) != 0) {
    throw failure("write", path_.string(), errno);
  }
}

void AtomicFile::commit() {
  finish();
  draft_->rename_to(path_);
  sync_folder(path_);
}

std::filesystem::path AtomicFile::commit_beside() {
  finish();
  const std::filesystem::path extension = path_.extension();
  std::filesystem::path place = path_;
  for (int n = 2; !draft_->rename_to_new(place); ++n) {
    if (same_content(draft_->descriptor(), place)) {
      return place;
    }
    place = path_;
    place.replace_extension();
    place += fmt::format("-{}", n);
    place += extension;
  }
  sync_folder(place);
  return place;
}

void write_atomically(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  AtomicFile file(path, mode);
  file.write(content);
  file.commit();
}

void append(const std::filesystem::path& path, std::string_view content) {
  const Descriptor descriptor = open_file(path, O_WRONLY | O_CREAT | O_APPEND, 0644, "write");
  write_all(descriptor.get(), content, path.string());
}

TemporaryDirectory::TemporaryDirectory() {
  const char* base = std::getenv("TMPDIR");
  std::string name =
      fmt::format("{}/crossover.XXXXXX", base != nullptr && *base != '\0' ? base : "/tmp");
  if (::mkdtemp(name.data()) == nullptr) {
    throw failure("create", name, errno).set_hint("set TMPDIR to a folder that can be written to");
  }
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() { remove(); }

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

void TemporaryDirectory::remove() noexcept {
  if (!path_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
}

MemoryFile::MemoryFile(std::string_view name, std::string_view content) {
  Descriptor descriptor(::memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!descriptor) {
    throw failure("create", name, errno);
  }
  write_all(descriptor.get(), content, name);
  if (::fcntl(descriptor.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    throw failure("seal", name, errno);
  }
  // mode 0777 is what memfd_create gives
  ::fchmod(descriptor.get(), 0400);
  descriptor_ = std::move(descriptor);
}

MemoryFile::MemoryFile(std::string_view name, const Secret& content)
    : MemoryFile(name, std::string_view(content.reveal())) {}

std::string MemoryFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_.get()); }

}  // namespace crossover::files
