// How a transfer is asked of libcurl. Whatever libcurl would allow beyond what is meant here is
// switched off by name.
#include <arpa/inet.h>
#include <strings.h>

#include <cstring>
#include <memory>

#include "transfer.h"

namespace pginstall {
namespace {

[[noreturn]] void Refuse(const std::string& message) { throw Failure("PGI_INVALID", message); }

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

// A token (RFC 9110, 5.6.2): libcurl itself would send "a: b\r\nc: d" as two headers.
bool IsHeaderName(const std::string& name) {
  static constexpr char kToken[] =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !name.empty() && !HasNul(name) && std::strspn(name.c_str(), kToken) == name.size();
}

bool IsHeaderValue(const std::string& value) {
  return value.find_first_of(std::string("\r\n\0", 3)) == std::string::npos;
}

void CheckOptions(const TransferOptions& options) {
  for (const auto& text :
       {options.url, options.sink_file, options.body_file.value_or(""), options.proxy.value_or(""),
        options.unix_socket.value_or(""), options.ca_file.value_or("")}) {
    if (HasNul(text)) Refuse("a string with a NUL byte in it is no option");
  }
  const bool takes_body = options.method == "POST" || options.method == "PUT";
  const bool has_body = options.body || options.body_file;
  if (has_body && !takes_body) Refuse("a " + options.method + " request takes no body");
  if (options.method == "PUT" && !has_body) Refuse("a PUT request needs a body");
  if (options.body_file && options.body_file->empty()) Refuse("the body's file has no name");
  if (options.resume_from > 0 && options.method != "GET")
    Refuse("only a GET request can be resumed");
  if (options.sink == TransferOptions::Sink::kFile && options.sink_file.empty()) {
    Refuse("the sink's file has no name");
  }
  if (options.sink != TransferOptions::Sink::kMemory && options.method == "HEAD") {
    Refuse("the answer to a HEAD request has no body to put anywhere");
  }
  if (options.unix_socket && options.proxy && !options.proxy->empty()) {
    Refuse("a unix socket is not reached by a proxy");
  }
  if (options.connect_timeout.count() <= 0 || options.stall_timeout.count() <= 0) {
    Refuse("connect and stall timeouts must be positive");
  }
}

bool IsLoopback(const std::string& host) {
  in_addr address{};  // 127.example.com is a name like any other
  const bool is_ipv4 = inet_pton(AF_INET, host.c_str(), &address) == 1;
  return host == "localhost" || host == "[::1]" || (is_ipv4 && host.rfind("127.", 0) == 0);
}

// Where `target` leads from `base`. What cannot be read counts as leading there: libcurl might read it.
bool LeadsOverNetworkInClearText(const char* base, const std::string& target) {
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (!url) throw std::bad_alloc();
  constexpr unsigned kFlags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
  if (curl_url_set(url.get(), CURLUPART_URL, base, kFlags) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, target.c_str(), kFlags) != CURLUE_OK) {
    return true;
  }
  const auto part = [&url](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(url.get(), which, &text, 0);
    const std::string copy(text == nullptr ? "" : text);
    curl_free(text);
    return copy;
  };
  return part(CURLUPART_SCHEME) == "http" && !IsLoopback(part(CURLUPART_HOST));
}

bool IsHttps(const char* url_or_scheme) { return strncasecmp(url_or_scheme, "https", 5) == 0; }

#if LIBCURL_VERSION_NUM >= 0x075500
void AllowProtocols(const EasyHandle& easy, bool with_http) {
  SetOption(easy, CURLOPT_REDIR_PROTOCOLS_STR, with_http ? "http,https" : "https");
}
void AllowHttpOnly(const EasyHandle& easy) { SetOption(easy, CURLOPT_PROTOCOLS_STR, "http,https"); }
#else
void AllowProtocols(const EasyHandle& easy, bool with_http) {
  SetOption(easy, CURLOPT_REDIR_PROTOCOLS,
            (with_http ? long{CURLPROTO_HTTP} : 0L) | long{CURLPROTO_HTTPS});
}
void AllowHttpOnly(const EasyHandle& easy) {
  SetOption(easy, CURLOPT_PROTOCOLS, long{CURLPROTO_HTTP} | long{CURLPROTO_HTTPS});
}
#endif

}  // namespace

Transfer::Transfer(Id id, TransferOptions options)
    : id_(id), options_(std::move(options)), easy_(curl_easy_init()) {
  CheckOptions(options_);
  if (!easy_) throw FailureOf(CURLE_OUT_OF_MEMORY, "could not make a transfer");
  MakeSink();
  ConfigureRequest();
  ConfigureHeaders();
  ConfigureConnection();
  ConfigureTrust();
  ConfigureRedirects();
  ConfigureLimits();
  ConfigureCallbacks();
}

void Transfer::MakeSink() {
  switch (options_.sink) {
    case TransferOptions::Sink::kMemory:
      sink_ = std::make_unique<MemorySink>();
      memory_ = static_cast<MemorySink*>(sink_.get());
      break;
    case TransferOptions::Sink::kFile:
      sink_ = std::make_unique<FileSink>(options_.sink_file, options_.resume_from);
      break;
    case TransferOptions::Sink::kChunks:
      sink_ = std::make_unique<ChunkSink>();
      chunks_ = static_cast<ChunkSink*>(sink_.get());
      break;
  }
}

void Transfer::ConfigureRequest() {
  AllowHttpOnly(easy_);
  SetOption(easy_, CURLOPT_URL, options_.url);
  if (options_.method == "GET") {
    SetOption(easy_, CURLOPT_HTTPGET, 1L);
  } else if (options_.method == "HEAD") {
    SetOption(easy_, CURLOPT_NOBODY, 1L);
  } else if (options_.method == "POST") {
    SetOption(easy_, CURLOPT_POST, 1L);
  } else if (options_.method == "PUT") {
    SetOption(easy_, CURLOPT_UPLOAD, 1L);
  } else if (options_.method == "DELETE") {
    SetOption(easy_, CURLOPT_CUSTOMREQUEST, "DELETE");
  } else {
    Refuse("method \"" + options_.method + "\" is not one of GET, HEAD, POST, PUT, DELETE");
  }
  if (options_.body_file) {
    request_body_ = RequestBody::OfFile(*options_.body_file);
  } else if (options_.body || options_.method == "POST") {
    request_body_ = RequestBody::OfMemory(options_.body.value_or(""));
  }
  if (options_.resume_from > 0) {
    // Not CURLOPT_RESUME_FROM: with it libcurl makes an error of a 404, and a success of a 200 of
    // just that length.
    SetOption(easy_, CURLOPT_RANGE, std::to_string(options_.resume_from) + "-");
  }
}

void Transfer::ConfigureHeaders() {
  bool has_content_type = false;
  for (const auto& [name, value] : options_.headers) {
    if (!IsHeaderName(name)) Refuse("header name \"" + name + "\" is not valid");
    if (!IsHeaderValue(value)) Refuse("value of header \"" + name + "\" is not valid");
    has_content_type = has_content_type || strcasecmp(name.c_str(), "content-type") == 0;
    Append(header_lines_, value.empty() ? name + ";" : name + ": " + value);
  }
  // A name without a value takes a header away: libcurl would call every POST a form.
  if (!has_content_type) Append(header_lines_, "Content-Type:");
  SetOption(easy_, CURLOPT_HTTPHEADER, header_lines_.get());
}

void Transfer::ConfigureConnection() {
  SetOption(easy_, CURLOPT_NOSIGNAL, 1L);
  SetOption(easy_, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  // Whether a server speaks HTTP/2 is known after the handshake; until then the others wait, to
  // share the connection.
  SetOption(easy_, CURLOPT_PIPEWAIT, IsHttps(options_.url.c_str()) ? 1L : 0L);
  SetOption(easy_, CURLOPT_BUFFERSIZE, static_cast<long>(kMaxChunkBytes));
  SetOption(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // An abort must not wait until a name server that is silent has timed out.
  SetOption(easy_, CURLOPT_QUICK_EXIT, 1L);
#endif
  if (options_.unix_socket) {
    SetOption(easy_, CURLOPT_UNIX_SOCKET_PATH, *options_.unix_socket);
    SetOption(easy_, CURLOPT_PROXY, "");
  } else if (options_.proxy) {
    SetOption(easy_, CURLOPT_PROXY, *options_.proxy);
  }
}

void Transfer::ConfigureTrust() {
  SetOption(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  SetOption(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  SetOption(easy_, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (options_.ca_file) {
    SetOption(easy_, CURLOPT_CAINFO, *options_.ca_file);
    // A file given is all that is trusted; the system's directory would be looked into besides.
    SetOption(easy_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
}

// A redirected request that changes something would be sent twice or lose its body: those answers
// go to the caller.
void Transfer::ConfigureRedirects() {
  const bool is_safe = options_.method == "GET" || IsHead();
  SetOption(easy_, CURLOPT_FOLLOWLOCATION, is_safe && options_.max_redirects > 0 ? 1L : 0L);
  SetOption(easy_, CURLOPT_MAXREDIRS, static_cast<long>(options_.max_redirects));
  SetOption(easy_, CURLOPT_UNRESTRICTED_AUTH, 0L);
  secured_ = IsHttps(options_.url.c_str());
  AllowProtocols(easy_, !secured_);
}

// Clear text is for this machine only, on every hop: a server on loopback must not send us over a
// network in it. The line is one of the head that libcurl is about to act on, and read as it does.
void Transfer::CheckRedirect(std::string_view line) {
  static constexpr std::string_view kName = "location:";
  const long status = GetInfo<long>(easy_, CURLINFO_RESPONSE_CODE);
  if (options_.max_redirects == 0 || status < 300 || status > 399 || line.size() < kName.size() ||
      strncasecmp(line.data(), kName.data(), kName.size()) != 0) {
    return;
  }
  const std::string target(TrimBlanks(line.substr(kName.size())));
  const char* base = GetInfo<const char*>(easy_, CURLINFO_EFFECTIVE_URL);
  if (!target.empty() && LeadsOverNetworkInClearText(base, target)) {
    throw Failure("PGI_REDIRECT", "the redirect to \"" + target +
                                      "\" leads over a network in clear text, or nowhere");
  }
}

// From http to https and back to http is a downgrade as well. libcurl reads the option only when it
// follows.
void Transfer::ForbidDowngrade() {
  if (secured_) return;
  const char* scheme = GetInfo<const char*>(easy_, CURLINFO_SCHEME);
  secured_ = scheme != nullptr && IsHttps(scheme);
  if (secured_) AllowProtocols(easy_, false);
}

void Transfer::ConfigureLimits() {
  SetOption(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  if (options_.total_timeout) {
    SetOption(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.total_timeout->count()));
  }
  if (options_.max_bytes_per_second) rate_.emplace(*options_.max_bytes_per_second);
}

void Transfer::ConfigureCallbacks() {
  SetOption(easy_, CURLOPT_PRIVATE, static_cast<void*>(this));
  SetOption(easy_, CURLOPT_ERRORBUFFER, error_words_.data());
  SetOption(easy_, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  SetOption(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  SetOption(easy_, CURLOPT_WRITEFUNCTION, &Transfer::OnWrite);
  SetOption(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  if (!request_body_) return;
  SetOption(easy_, CURLOPT_READFUNCTION, &Transfer::OnRead);
  SetOption(easy_, CURLOPT_READDATA, static_cast<void*>(this));
  SetOption(easy_, CURLOPT_SEEKFUNCTION, &Transfer::OnSeek);
  SetOption(easy_, CURLOPT_SEEKDATA, static_cast<void*>(this));
}

}  // namespace pginstall
