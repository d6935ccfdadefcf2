#include "body_sink.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "failure.h"
#include "transfer_options.h"

namespace pginstall {
namespace {

// A link in the last place would let whoever may write to the directory choose the file that is
// written.
constexpr int kOpenFlags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC;

}  // namespace

bool MemorySink::Accept(std::string_view data) {
  bytes_.append(data);
  return true;
}

FileSink::FileSink(std::string path, std::uint64_t resume_from)
    : path_(std::move(path)), resume_from_(resume_from) {}

void FileSink::Prepare() {
  if (resume_from_ == 0) return;
  // O_NONBLOCK: opening a named pipe must not stop every other transfer of the loop.
  file_ = FileDescriptor(::open(path_.c_str(), kOpenFlags | O_APPEND | O_NONBLOCK));
  struct stat status{};
  if (!file_.is_open() || ::fstat(file_.get(), &status) != 0) {
    throw Failure::OfFile("open", path_, errno);
  }
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != resume_from_) {
    throw Failure("PGI_NOT_RESUMED", "file \"" + path_ + "\" has " +
                                         std::to_string(status.st_size) + " bytes, not " +
                                         std::to_string(resume_from_));
  }
}

void FileSink::Create() {
  file_ = FileDescriptor(::open(path_.c_str(), kOpenFlags | O_CREAT | O_EXCL, 0600));
  if (!file_.is_open()) throw Failure::OfFile("create", path_, errno);
}

bool FileSink::Accept(std::string_view data) {
  if (!file_.is_open()) Create();
  while (!data.empty()) {
    const ssize_t written = ::write(file_.get(), data.data(), data.size());
    if (written >= 0) {
      data.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw Failure::OfFile("write", path_, errno);
    }
  }
  return true;
}

void FileSink::Finish() {
  if (!file_.is_open()) Create();
  if (!file_.Close()) throw Failure::OfFile("close", path_, errno);
}

bool ChunkSink::Accept(std::string_view data) {
  if (!pending_.empty() && pending_.size() + data.size() > kMaxChunkBytes) return false;
  pending_.append(data);
  return true;
}

std::optional<std::string> ChunkSink::Take() {
  if (in_flight_ || pending_.empty()) return std::nullopt;
  in_flight_ = true;
  return std::exchange(pending_, {});
}

}  // namespace pginstall
