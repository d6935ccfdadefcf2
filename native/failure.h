// Why a transfer did not come to a result, in the words that JavaScript sees.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace pginstall {

class Failure : public std::exception {
 public:
  Failure(std::string code, std::string message)
      : code(std::move(code)), message(std::move(message)) {}

  /// A system call on a file failed; `action` completes "could not … file".
  static Failure OfFile(const char* action, const std::string& path, int error) {
    Failure failure("PGI_FILE", std::string("could not ") + action + " file \"" + path +
                                    "\": " + std::system_category().message(error));
    failure.os_errno = error;
    return failure;
  }

  const char* what() const noexcept override { return message.c_str(); }

  std::string code;     // CURLE_…, PGI_… or ABORT_ERR: stable, for programs
  std::string message;  // lower case, no full stop
  std::optional<int> curl_code;
  std::optional<int> os_errno;
};

}  // namespace pginstall
