// One request and its answer: an easy handle, its options, its callbacks.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "body_sink.h"
#include "curl_handle.h"
#include "rate_limit.h"
#include "request_body.h"
#include "response_head.h"
#include "transfer_options.h"

namespace pginstall {

/// Made on any thread, then used by the loop's thread alone.
class Transfer {
 public:
  using Id = std::uint64_t;
  using Clock = std::chrono::steady_clock;

  /// Throws Failure for options that make no sense; touches neither file nor network.
  Transfer(Id id, TransferOptions options);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Id id() const { return id_; }
  CURL* handle() const { return easy_.get(); }

  /// Opens the files. Throws Failure.
  void Open();

  /// The next chunk for JavaScript, if the sink is one of chunks and it is time for it.
  std::optional<std::string> TakeChunk();
  /// JavaScript is done with the chunk it was given last.
  void Acknowledge();
  /// Goes on where the sink was full, or the rate reached. Throws Failure.
  void Resume();
  /// When to resume a transfer that waits for its rate; far in the future for any other.
  Clock::time_point resume_at() const { return resume_at_; }

  /// What was received, if the caller wants to know and it has changed.
  std::optional<Progress> TakeProgress();
  /// Whether less than a byte a second came or went for as long as the stall timeout.
  bool HasStalled(Clock::time_point now);

  /// To be called once, when libcurl is done. Throws Failure.
  void Complete(CURLcode code);
  bool is_complete() const { return is_complete_; }
  /// Complete, and nothing of the body is on its way to JavaScript any more.
  bool is_over() const { return is_complete_ && (chunks_ == nullptr || chunks_->drained()); }
  /// What the caller gets of a transfer that is over.
  Response TakeResponse();

 private:
  void MakeSink();
  void ConfigureRequest();
  void ConfigureHeaders();
  void ConfigureConnection();
  void ConfigureTrust();
  void ConfigureRedirects();
  void ConfigureLimits();
  void ConfigureCallbacks();
  void CheckRedirect(std::string_view line);
  void ForbidDowngrade();

  bool IsHead() const { return options_.method == "HEAD"; }
  void BeginBody();
  void CheckLength();
  /// As libcurl's write callback: what it returns is the answer to libcurl.
  std::size_t Receive(std::string_view data);
  bool MustWait();
  std::size_t KeepErrorBody(std::string_view data);

  template <typename Body>
  std::size_t Guarded(std::size_t on_failure, Body body) noexcept;

  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnWrite(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnRead(char* data, std::size_t size, std::size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);

  const Id id_;
  const TransferOptions options_;
  std::optional<RequestBody> request_body_;
  // libcurl points into these until the handle is cleaned up: they stand before it, so they die
  // after it.
  StringList header_lines_;
  std::array<char, CURL_ERROR_SIZE> error_words_{};
  EasyHandle easy_;

  ResponseHead head_;
  std::unique_ptr<BodySink> sink_;
  ChunkSink* chunks_ = nullptr;   // sink_, where it is one of chunks
  MemorySink* memory_ = nullptr;  // sink_, where it is memory
  MemorySink error_body_;
  std::optional<Failure> failure_;  // what a callback met; libcurl only knows that it failed
  std::uint64_t received_ = 0;
  std::uint64_t reported_ = 0;
  bool body_begun_ = false;
  bool is_success_ = false;
  bool error_body_cut_ = false;
  bool paused_ = false;
  std::optional<RateLimit> rate_;
  Clock::time_point resume_at_ = Clock::time_point::max();
  bool secured_ = false;
  bool is_complete_ = false;
  std::uint64_t moved_ = 0;
  Clock::time_point stall_deadline_;
};

}  // namespace pginstall
