// Where the body of a good answer goes: memory, a file, or chunks for JavaScript.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "file_descriptor.h"

namespace pginstall {

class BodySink {
 public:
  virtual ~BodySink() = default;

  /// Before the request is sent. Throws Failure.
  virtual void Prepare() {}
  /// False: full for now, and `data` is offered again, all of it. Throws Failure.
  virtual bool Accept(std::string_view data) = 0;
  /// After the last byte of a body that came whole. Throws Failure.
  virtual void Finish() {}
};

class MemorySink : public BodySink {
 public:
  bool Accept(std::string_view data) override;
  std::string Take() { return std::move(bytes_); }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

/// A new file is created with the first byte, so that a failure before it leaves nothing behind. A
/// file to be resumed must have exactly the size that the request asks to go on from.
class FileSink : public BodySink {
 public:
  FileSink(std::string path, std::uint64_t resume_from);

  void Prepare() override;
  bool Accept(std::string_view data) override;
  void Finish() override;

 private:
  void Create();

  std::string path_;
  std::uint64_t resume_from_;
  FileDescriptor file_;
};

/// One chunk is with JavaScript, one is being filled; beyond that the transfer waits.
class ChunkSink : public BodySink {
 public:
  bool Accept(std::string_view data) override;

  /// The next chunk, if there is one and JavaScript is done with the one before.
  std::optional<std::string> Take();
  void Acknowledge() { in_flight_ = false; }
  bool drained() const { return !in_flight_ && pending_.empty(); }

 private:
  std::string pending_;
  bool in_flight_ = false;
};

}  // namespace pginstall
