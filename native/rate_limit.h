// Bytes a second, kept by waiting. libcurl's own limit (7.88) lets several seconds' worth pass at
// once on a fast network.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pginstall {

class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimit(std::uint64_t bytes_per_second)
      : bytes_per_second_(static_cast<double>(bytes_per_second)) {}

  /// Before this moment nothing more may be taken.
  Clock::time_point next() const { return next_; }

  void Take(std::size_t bytes, Clock::time_point now) {
    const std::chrono::duration<double> cost(static_cast<double>(bytes) / bytes_per_second_);
    next_ = std::max(next_, now - kLeeway) + std::chrono::duration_cast<Clock::duration>(cost);
  }

 private:
  /// A loop that wakes up late may catch up on so much, or the rate would never be reached.
  static constexpr std::chrono::milliseconds kLeeway{100};

  double bytes_per_second_;
  Clock::time_point next_{};
};

}  // namespace pginstall
