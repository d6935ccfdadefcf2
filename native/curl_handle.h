// libcurl's handles as values that clean up after themselves, and its option calls as calls that
// cannot fail unseen.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "curl_code.h"

namespace pginstall {

struct EasyDeleter {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const noexcept { curl_multi_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

struct UrlDeleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};

using EasyHandle = std::unique_ptr<CURL, EasyDeleter>;
using MultiHandle = std::unique_ptr<CURLM, MultiDeleter>;
using StringList = std::unique_ptr<curl_slist, ListDeleter>;

/// Throws Failure. An int where libcurl's varargs expect a long is undefined behaviour, hence the
/// assertion.
template <typename T>
void SetOption(const EasyHandle& handle, CURLoption option, T value) {
  static_assert(!std::is_same_v<T, int> && !std::is_same_v<T, bool> && !std::is_class_v<T>,
                "libcurl takes long, curl_off_t and pointers");
  const CURLcode code = curl_easy_setopt(handle.get(), option, value);
  if (code != CURLE_OK) throw FailureOf(code, curl_easy_strerror(code));
}

inline void SetOption(const EasyHandle& handle, CURLoption option, const std::string& value) {
  SetOption(handle, option, value.c_str());
}

template <typename T>
T GetInfo(const EasyHandle& handle, CURLINFO info) {
  T value{};
  const CURLcode code = curl_easy_getinfo(handle.get(), info, &value);
  if (code != CURLE_OK) throw FailureOf(code, curl_easy_strerror(code));
  return value;
}

/// Throws std::runtime_error: a multi handle fails only by misuse or for want of memory.
inline void CheckMulti(CURLMcode code) {
  if (code != CURLM_OK) throw std::runtime_error(curl_multi_strerror(code));
}

/// Throws std::bad_alloc, and leaves the list as it was.
inline void Append(StringList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

}  // namespace pginstall
