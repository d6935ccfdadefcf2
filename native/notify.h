// One datagram to the service manager: sd_notify(3) without its library.
#pragma once

#include <string>

namespace pginstall {

/// To a unix datagram socket; a leading "@" means Linux's abstract names. Never blocks: a message that
/// does not fit the receiver's queue is an error. Throws std::system_error.
void Notify(const std::string& address, const std::string& message);

}  // namespace pginstall
