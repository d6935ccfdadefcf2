#include "transfer.h"

#include <strings.h>

#include <algorithm>
#include <cstring>

namespace pginstall {
namespace {

std::string HttpVersionName(long version) {
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return "1.0";
    case CURL_HTTP_VERSION_2_0:
      return "2";
    case CURL_HTTP_VERSION_3:
      return "3";
    default:
      return "1.1";
  }
}

}  // namespace

// Callbacks are called by C code, through which an exception must not pass; what was thrown is kept
// instead.
template <typename Body>
std::size_t Transfer::Guarded(std::size_t on_failure, Body body) noexcept {
  try {
    return body();
  } catch (const Failure& failure) {
    failure_ = failure;
  } catch (const std::exception& error) {
    failure_ = FailureOf(CURLE_OUT_OF_MEMORY, error.what());
  }
  return on_failure;
}

std::size_t Transfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  return transfer->Guarded(0, [&] {
    transfer->head_.AddLine({data, size * count});
    transfer->CheckRedirect({data, size * count});
    transfer->ForbidDowngrade();
    return size * count;
  });
}

std::size_t Transfer::OnWrite(char* data, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  return transfer->Guarded(0, [&] { return transfer->Receive({data, size * count}); });
}

std::size_t Transfer::OnRead(char* data, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  return transfer->Guarded(CURL_READFUNC_ABORT,
                           [&] { return transfer->request_body_->Read(data, size * count); });
}

int Transfer::OnSeek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(self)->request_body_->Seek(static_cast<std::uint64_t>(offset));
  return CURL_SEEKFUNC_OK;
}

void Transfer::Open() {
  if (request_body_) {
    request_body_->Open();
    SetOption(easy_,
              options_.method == "PUT" ? CURLOPT_INFILESIZE_LARGE : CURLOPT_POSTFIELDSIZE_LARGE,
              static_cast<curl_off_t>(request_body_->size()));
  }
  sink_->Prepare();
  stall_deadline_ = Clock::now() + options_.stall_timeout;
}

std::size_t Transfer::Receive(std::string_view data) {
  if (!body_begun_) BeginBody();
  if (!is_success_) return KeepErrorBody(data);
  if (options_.resume_from + received_ + data.size() > options_.max_bytes) {
    throw Failure("PGI_TOO_LARGE",
                  "response is larger than " + std::to_string(options_.max_bytes) + " bytes");
  }
  paused_ = MustWait() || !sink_->Accept(data);
  if (paused_) return CURL_WRITEFUNC_PAUSE;
  if (rate_) rate_->Take(data.size(), Clock::now());
  received_ += data.size();
  return data.size();
}

bool Transfer::MustWait() {
  if (!rate_ || Clock::now() >= rate_->next()) return false;
  resume_at_ = rate_->next();
  return true;
}

std::size_t Transfer::KeepErrorBody(std::string_view data) {
  const std::size_t room = kMaxErrorBodyBytes - error_body_.size();
  error_body_.Accept(data.substr(0, room));
  received_ += std::min(room, data.size());
  error_body_cut_ = data.size() > room;
  return error_body_cut_ ? 0 : data.size();
}

// libcurl hands over the body of the last answer only, so that here the head is the one that
// counts.
void Transfer::BeginBody() {
  body_begun_ = true;
  const long status = GetInfo<long>(easy_, CURLINFO_RESPONSE_CODE);
  is_success_ = status >= 200 && status < 300;
  if (!is_success_ || IsHead()) return;
  if (options_.resume_from > 0 &&
      (status != 206 || head_.ContentRangeStart() != options_.resume_from)) {
    throw Failure("PGI_NOT_RESUMED", "server did not go on from byte " +
                                         std::to_string(options_.resume_from) +
                                         ", it answered with status " + std::to_string(status));
  }
  CheckLength();
}

void Transfer::CheckLength() {
  const auto length = GetInfo<curl_off_t>(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
  if (length < 0) return;
  if (options_.resume_from > options_.max_bytes ||
      static_cast<std::uint64_t>(length) > options_.max_bytes - options_.resume_from) {
    throw Failure("PGI_TOO_LARGE", "response of " + std::to_string(length) +
                                       " bytes is larger than " +
                                       std::to_string(options_.max_bytes) + " bytes");
  }
}

std::optional<std::string> Transfer::TakeChunk() {
  return chunks_ == nullptr ? std::nullopt : chunks_->Take();
}

void Transfer::Acknowledge() {
  if (chunks_ != nullptr) chunks_->Acknowledge();
}

void Transfer::Resume() {
  if (!paused_) return;
  resume_at_ = Clock::time_point::max();
  paused_ = false;  // before the call: it may offer the data, and find the sink full, at once
  const CURLcode code = curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
  if (code != CURLE_OK) throw failure_.value_or(FailureOf(code, curl_easy_strerror(code)));
}

std::optional<Progress> Transfer::TakeProgress() {
  if (!options_.wants_progress || !is_success_ || received_ == reported_) return std::nullopt;
  reported_ = received_;
  const auto length = GetInfo<curl_off_t>(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
  return Progress{received_, length < 0 ? std::nullopt : std::optional<std::uint64_t>(length)};
}

// Each byte buys a second, up to the timeout. A server that dribbles is found as one that is
// silent; one that waits for us is not.
bool Transfer::HasStalled(Clock::time_point now) {
  const auto uploaded = GetInfo<curl_off_t>(easy_, CURLINFO_SIZE_UPLOAD_T);
  const std::uint64_t moved = received_ + head_.received() + static_cast<std::uint64_t>(uploaded);
  const bool is_connected = GetInfo<curl_off_t>(easy_, CURLINFO_PRETRANSFER_TIME_T) > 0;
  const auto furthest = now + options_.stall_timeout;
  if (paused_ || !is_connected) {
    stall_deadline_ = furthest;
  } else if (moved > moved_) {
    const auto limit = std::chrono::ceil<std::chrono::seconds>(options_.stall_timeout);
    const auto bought =
        std::min<std::uint64_t>(moved - moved_, static_cast<std::uint64_t>(limit.count()));
    stall_deadline_ = std::min(furthest, stall_deadline_ + std::chrono::seconds(bought));
  }
  moved_ = moved;
  return now >= stall_deadline_;
}

void Transfer::Complete(CURLcode code) {
  if (failure_) throw *failure_;
  if (code != CURLE_OK && !error_body_cut_) {
    Failure failure =
        FailureOf(code, error_words_[0] != '\0' ? error_words_.data() : curl_easy_strerror(code));
    const long os_errno = GetInfo<long>(easy_, CURLINFO_OS_ERRNO);
    if (os_errno != 0) failure.os_errno = static_cast<int>(os_errno);
    throw failure;
  }
  if (!body_begun_) BeginBody();
  if (is_success_ && !IsHead()) sink_->Finish();
  is_complete_ = true;
}

Response Transfer::TakeResponse() {
  Response response;
  response.status = GetInfo<long>(easy_, CURLINFO_RESPONSE_CODE);
  response.headers = head_.headers();
  if (!is_success_) {
    response.body = error_body_.Take();
  } else if (memory_ != nullptr) {
    response.body = memory_->Take();
  }
  response.received = received_;
  response.http_version = HttpVersionName(GetInfo<long>(easy_, CURLINFO_HTTP_VERSION));
  response.effective_url = GetInfo<const char*>(easy_, CURLINFO_EFFECTIVE_URL);
  response.new_connections = GetInfo<long>(easy_, CURLINFO_NUM_CONNECTS);
  return response;
}

}  // namespace pginstall
