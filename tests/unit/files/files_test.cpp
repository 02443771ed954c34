#include "files/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.h"

using namespace crossover;

TEST_CASE("reads what was written, empty and binary too") {
  const files::TemporaryDirectory folder;
  for (const std::string& content : {std::string(), std::string("a\0b\xff\n", 5)}) {
    files::write_atomically(folder.path() / "file", content);
    CHECK(files::read(folder.path() / "file") == content);
  }
}

TEST_CASE("what cannot be read is named with its cause") {
  const files::TemporaryDirectory folder;
  const std::string missing = (folder.path() / "missing").string();
  CHECK_THROWS_WITH(files::read(missing),
                    "unable to read '" + missing + "': No such file or directory");
  CHECK_THROWS_WITH(files::read(folder.path()),
                    "unable to read '" + folder.path().string() + "': Is a directory");
}

TEST_CASE("a file above the limit is refused, one at the limit is not") {
  const files::TemporaryDirectory folder;
  const auto path = folder.path() / "file";
  files::write_atomically(path, "12345");
  CHECK(files::read(path, 5) == "12345");
  CHECK_THROWS_WITH(files::read(path, 4),
                    "unable to read '" + path.string() + "': the file is larger than 4 bytes");
}

TEST_CASE("a secret file loses one line end only") {
  const files::TemporaryDirectory folder;
  files::write_atomically(folder.path() / "a", "pass\n");
  files::write_atomically(folder.path() / "b", " pass \n\r\n");
  CHECK(files::read_secret(folder.path() / "a").reveal() == "pass");
  CHECK(files::read_secret(folder.path() / "b").reveal() == " pass \n");
}

TEST_CASE("an atomic write keeps the old file when it fails, and leaves no other") {
  const files::TemporaryDirectory folder;
  const auto path = folder.path() / "file";
  files::write_atomically(path, "old", 0640);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);

  // a full disk, without filling one
  CHECK_THROWS_WITH(files::append("/dev/full", "x"),
                    "unable to write '/dev/full': No space left on device");
  const auto nowhere = folder.path() / "no" / "file";
  CHECK_THROWS_WITH(files::write_atomically(nowhere, "new"),
                    "unable to write '" + nowhere.string() + "': No such file or directory");
  // the target is a folder: the rename fails after the draft was written
  std::filesystem::create_directory(folder.path() / "dir");
  CHECK_THROWS_WITH(files::write_atomically(folder.path() / "dir", "new"),
                    "unable to write '" + (folder.path() / "dir").string() + "': Is a directory");
  CHECK(files::read(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("a file that is written piece by piece is there whole, or not at all") {
  const files::TemporaryDirectory folder;
  const auto path = folder.path() / "file";
  const std::string piece(50000, 'x');
  const auto entries = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path()), {});
  };
  {
    files::AtomicFile given_up(path);
    given_up.write(piece + piece);
    CHECK_FALSE(std::filesystem::exists(path));
  }
  CHECK(entries() == 0);
  files::AtomicFile file(path, 0600);
  file.write(piece);
  file.write(piece);
  file.write("end\n");
  CHECK_FALSE(std::filesystem::exists(path));
  file.commit();
  CHECK(files::read(path) == piece + piece + "end\n");
  CHECK(entries() == 1);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("a file that is committed beside others takes the first name that is free") {
  const files::TemporaryDirectory folder;
  const auto commit = [&](const char* name, const std::string& content) {
    files::AtomicFile file(folder.path() / name);
    file.write(content);
    return file.commit_beside().filename();
  };
  CHECK(commit("a.list.txt", "1") == "a.list.txt");
  CHECK(commit("a.list.txt", "2") == "a.list-2.txt");
  CHECK(commit("a.list.txt", "3") == "a.list-3.txt");
  CHECK(files::read(folder.path() / "a.list.txt") == "1");
  CHECK(files::read(folder.path() / "a.list-3.txt") == "3");
  CHECK(commit("a.list.txt", "2") == "a.list-2.txt");
  CHECK(commit("a.list.txt", "") == "a.list-4.txt");
  CHECK(commit("a.list.txt", std::string(70000, 'x')) == "a.list-5.txt");
  CHECK(commit("a.list.txt", std::string(70000, 'x')) == "a.list-5.txt");
  CHECK(commit("a.list.txt", std::string(69999, 'x')) == "a.list-6.txt");
  std::filesystem::create_directory(folder.path() / "plain");
  CHECK(commit("plain", "4") == "plain-2");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 8);
}

TEST_CASE("a temporary folder goes with its object, and is for its owner only") {
  std::filesystem::path path;
  {
    files::TemporaryDirectory folder;
    const files::TemporaryDirectory moved = std::move(folder);
    path = moved.path();
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    files::write_atomically(path / "file", "x");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a memory file is read by its path and cannot be changed") {
  std::string path;
  {
    const files::MemoryFile file("ca", std::string_view("bytes"));
    path = file.path();
    CHECK(files::read(path) == "bytes");
    CHECK(::write(file.descriptor(), "x", 1) == -1);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}
