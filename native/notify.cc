#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "file_descriptor.h"

namespace pginstall {

void Notify(const std::string& address, const std::string& message) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  // A path keeps its NUL; an abstract name has none, its length counts.
  if (address.empty() || address.size() >= sizeof(to.sun_path)) {
    throw std::system_error(EINVAL, std::system_category());
  }
  address.copy(to.sun_path, address.size());
  const bool abstract = address.front() == '@';
  if (abstract) to.sun_path[0] = '\0';
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size() + (abstract ? 0 : 1));

  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0 ||
      ::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), length) < 0) {
    throw std::system_error(errno, std::system_category());
  }
}

}  // namespace pginstall
