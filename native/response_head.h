// The status line and headers of the response that counts: the last one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transfer_options.h"

namespace pginstall {

/// Without the blanks at both ends, and the end of the line.
std::string_view TrimBlanks(std::string_view text);

class ResponseHead {
 public:
  /// Takes one line as libcurl has it. Throws Failure when all heads together pass kMaxHeadBytes.
  void AddLine(std::string_view line);

  /// The first byte that a 206 answer says it holds (RFC 9110, 14.4), if it says so.
  std::optional<std::uint64_t> ContentRangeStart() const;

  const Headers& headers() const { return headers_; }
  std::size_t received() const { return received_; }

 private:
  Headers headers_;
  std::size_t received_ = 0;
  bool complete_ = true;
};

}  // namespace pginstall
