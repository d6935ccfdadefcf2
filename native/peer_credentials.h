// Who is at the other end of a unix socket, as the kernel knows it.
#pragma once

#include <sys/types.h>

namespace pginstall {

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

/// Throws std::system_error.
PeerCredentials ReadPeerCredentials(int fd);

}  // namespace pginstall
