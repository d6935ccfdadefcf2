#include "response_head.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace pginstall {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

void ResponseHead::AddLine(std::string_view line) {
  received_ += line.size();
  if (received_ > kMaxHeadBytes) {
    throw Failure("PGI_TOO_LARGE",
                  "response headers are larger than " + std::to_string(kMaxHeadBytes) + " bytes");
  }
  if (complete_) {
    // Either the next response (after a redirect or a 1xx), or a trailer, which must not pass for a
    // header.
    if (line.rfind("HTTP/", 0) == 0) {
      headers_.clear();
      complete_ = false;
    }
    return;
  }
  const std::string_view text = TrimBlanks(line);
  if (text.empty()) {
    complete_ = true;
  } else if (IsBlank(line.front())) {  // obsolete folding: the line before goes on
    if (!headers_.empty()) headers_.back().second.append(" ").append(text);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    headers_.emplace_back(LowerCase(TrimBlanks(text.substr(0, colon))),
                          TrimBlanks(text.substr(colon + 1)));
  }
}

std::optional<std::uint64_t> ResponseHead::ContentRangeStart() const {
  constexpr std::string_view unit = "bytes ";
  for (const auto& [name, value] : headers_) {
    if (name != "content-range" || value.rfind(unit, 0) != 0) continue;
    std::uint64_t start = 0;
    const char* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data() + unit.size(), end, start);
    if (error == std::errc() && rest != end && *rest == '-') return start;
  }
  return std::nullopt;
}

}  // namespace pginstall
