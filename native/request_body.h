// What a POST or PUT sends, from memory or from a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "file_descriptor.h"

namespace pginstall {

class RequestBody {
 public:
  static RequestBody OfMemory(std::string bytes);
  static RequestBody OfFile(std::string path);

  /// Opens the file, if it is one, and fixes the size. Throws Failure.
  void Open();
  std::uint64_t size() const { return size_; }

  /// Reads at most `capacity` bytes; 0 at the end. Throws Failure, also when the file has become
  /// shorter.
  std::size_t Read(char* buffer, std::size_t capacity);

  /// libcurl sends again from here when a kept connection turns out to be dead.
  void Seek(std::uint64_t offset) { offset_ = offset; }

 private:
  std::string bytes_;
  std::string path_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace pginstall
