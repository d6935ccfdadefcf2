// What a caller asks for, and what comes of it: plain data on both sides of the loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failure.h"

namespace pginstall {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Of an error page only this much is kept; the rest is not even received.
constexpr std::size_t kMaxErrorBodyBytes = 64 * 1024;
/// Of all heads of a transfer together (redirects, 1xx): bounds what endless headers can make us
/// hold.
constexpr std::size_t kMaxHeadBytes = 256 * 1024;
/// What JavaScript sees in one piece at most; libcurl delivers 16 KiB at a time.
constexpr std::size_t kMaxChunkBytes = 256 * 1024;

struct TransferOptions {
  enum class Sink { kMemory, kFile, kChunks };

  std::string url;
  std::string method;
  Headers headers;
  std::optional<std::string> body;
  std::optional<std::string> body_file;
  std::optional<std::string> unix_socket;
  std::optional<std::string> proxy;  // empty: none; absent: as the environment says
  std::optional<std::string> ca_file;
  std::uint64_t resume_from = 0;
  std::uint64_t max_bytes = 0;  // of the whole body, what is resumed included
  std::optional<std::uint64_t> max_bytes_per_second;
  std::chrono::milliseconds connect_timeout{0};
  std::chrono::milliseconds stall_timeout{0};
  std::optional<std::chrono::milliseconds> total_timeout;
  std::uint64_t max_redirects = 0;
  Sink sink = Sink::kMemory;
  std::string sink_file;
  bool wants_progress = false;
};

struct Progress {
  std::uint64_t received;
  std::optional<std::uint64_t> total;
};

struct Response {
  long status;
  Headers headers;  // names in lower case, in the order received
  std::optional<std::string> body;
  std::uint64_t received;
  std::string http_version;
  std::string effective_url;
  long new_connections;
};

}  // namespace pginstall
