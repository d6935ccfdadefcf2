#include "request_body.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "failure.h"

namespace pginstall {

RequestBody RequestBody::OfMemory(std::string bytes) {
  RequestBody body;
  body.bytes_ = std::move(bytes);
  return body;
}

RequestBody RequestBody::OfFile(std::string path) {
  RequestBody body;
  body.path_ = std::move(path);
  return body;
}

void RequestBody::Open() {
  if (path_.empty()) {
    size_ = bytes_.size();
    return;
  }
  // O_NONBLOCK: opening a named pipe must not stop every other transfer of the loop.
  file_ = FileDescriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file_.is_open() || ::fstat(file_.get(), &status) != 0) {
    throw Failure::OfFile("open", path_, errno);
  }
  if (!S_ISREG(status.st_mode)) throw Failure::OfFile("send", path_, EINVAL);
  size_ = static_cast<std::uint64_t>(status.st_size);
}

std::size_t RequestBody::Read(char* buffer, std::size_t capacity) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(capacity, size_ - offset_));
  if (wanted == 0) return 0;
  if (path_.empty()) {
    std::copy_n(bytes_.data() + offset_, wanted, buffer);
    offset_ += wanted;
    return wanted;
  }
  ssize_t count = 0;
  do {
    count = ::pread(file_.get(), buffer, wanted, static_cast<off_t>(offset_));
  } while (count < 0 && errno == EINTR);
  if (count < 0) throw Failure::OfFile("read", path_, errno);
  if (count == 0) {
    throw Failure("PGI_FILE", "file \"" + path_ + "\" became shorter while it was sent");
  }
  offset_ += static_cast<std::uint64_t>(count);
  return static_cast<std::size_t>(count);
}

}  // namespace pginstall
