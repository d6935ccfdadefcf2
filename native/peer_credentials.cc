#include "peer_credentials.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace pginstall {

PeerCredentials ReadPeerCredentials(int fd) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    throw std::system_error(errno, std::system_category());
  }
  // Of a TCP socket, and of one that is not connected, Linux says "nobody" without an error; nobody
  // must not become an identity that a rule could match.
  if (credentials.uid == static_cast<uid_t>(-1)) {
    throw std::system_error(ENOTCONN, std::system_category());
  }
  return {credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace pginstall
