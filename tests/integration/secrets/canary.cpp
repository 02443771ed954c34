#include "integration/secrets/canary.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <stdexcept>

#include "base/error.h"
#include "files/files.h"
#include "kube/object.h"

namespace crossover::test {

namespace fs = std::filesystem;

namespace {

/// The part that no quoting changes.
std::string_view plain_part(std::string_view secret) {
  const auto end = std::find_if(secret.begin(), secret.end(), [](unsigned char letter) {
    return std::isalnum(letter) == 0 && letter != '-' && letter != '_';
  });
  return secret.substr(0, static_cast<std::size_t>(end - secret.begin()));
}

/// What base64 makes of `part` whatever stands before and after it, for each of the three places in
/// a group of bytes where it may begin.
std::vector<std::string> in_base64(std::string_view part) {
  std::vector<std::string> forms;
  for (std::size_t before = 0; before < 3; ++before) {
    // A group that holds a byte of the surroundings is different with each of them.
    const std::size_t skipped = before == 0 ? 0 : 3 - before;
    const std::string_view inner = part.substr(skipped, (part.size() - skipped) / 3 * 3);
    forms.push_back(kube::base64_encode(inner));
  }
  return forms;
}

/// Empty when the process has ended meanwhile.
std::string command_line(const fs::path& process) {
  std::string text;
  try {
    text = files::read(process / "cmdline");
  } catch (const Error&) {
    return {};
  }
  std::ranges::replace(text, '\0', ' ');
  return text;
}

}  // namespace

std::vector<std::string> traces(std::string_view text, std::string_view secret) {
  constexpr std::size_t around = 120;
  constexpr std::size_t shortest = 10;
  const std::string_view part = plain_part(secret);
  if (part.size() < 8) {
    throw std::invalid_argument("too short to be looked for");
  }
  std::vector<std::string> forms = in_base64(part);
  forms.emplace_back(part.substr(0, shortest));  // a text may have been cut
  std::vector<std::string> found;
  for (const std::string& form : forms) {
    for (std::size_t at = 0; (at = text.find(form, at)) != std::string_view::npos; ++at) {
      const std::size_t start = at - std::min(at, around);
      found.emplace_back(text.substr(start, at - start + form.size() + around));
    }
  }
  return found;
}

CommandLines::CommandLines() : thread_([this] { look(); }) {}

CommandLines::~CommandLines() {
  stopping_ = true;
  thread_.join();
}

std::set<std::string> CommandLines::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

void CommandLines::look() {
  while (!stopping_) {
    std::error_code gone;  // a process that ended meanwhile
    for (fs::directory_iterator entry("/proc", gone), end; !gone && entry != end;
         entry.increment(gone)) {
      const std::string name = entry->path().filename();
      if (std::isdigit(static_cast<unsigned char>(name.front())) != 0) {
        const std::string line = command_line(entry->path());
        const std::lock_guard lock(mutex_);
        seen_.insert(line);
      }
    }
    // Not to take a core from what is watched; every program here lives for longer than this.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace crossover::test
