#include "curl_code.h"

#include <cctype>

namespace pginstall {
namespace {

/// The codes that HTTP transfers end with; libcurl has no call for the name of a code.
std::string NameOf(CURLcode code) {
#define PGI_NAME(name) \
  case name:           \
    return #name
  switch (code) {
    PGI_NAME(CURLE_UNSUPPORTED_PROTOCOL);
    PGI_NAME(CURLE_FAILED_INIT);
    PGI_NAME(CURLE_URL_MALFORMAT);
    PGI_NAME(CURLE_NOT_BUILT_IN);
    PGI_NAME(CURLE_COULDNT_RESOLVE_PROXY);
    PGI_NAME(CURLE_COULDNT_RESOLVE_HOST);
    PGI_NAME(CURLE_COULDNT_CONNECT);
    PGI_NAME(CURLE_WEIRD_SERVER_REPLY);
    PGI_NAME(CURLE_HTTP2);
    PGI_NAME(CURLE_PARTIAL_FILE);
    PGI_NAME(CURLE_WRITE_ERROR);
    PGI_NAME(CURLE_READ_ERROR);
    PGI_NAME(CURLE_OUT_OF_MEMORY);
    PGI_NAME(CURLE_OPERATION_TIMEDOUT);
    PGI_NAME(CURLE_SSL_CONNECT_ERROR);
    PGI_NAME(CURLE_ABORTED_BY_CALLBACK);
    PGI_NAME(CURLE_BAD_FUNCTION_ARGUMENT);
    PGI_NAME(CURLE_INTERFACE_FAILED);
    PGI_NAME(CURLE_TOO_MANY_REDIRECTS);
    PGI_NAME(CURLE_UNKNOWN_OPTION);
    PGI_NAME(CURLE_GOT_NOTHING);
    PGI_NAME(CURLE_SEND_ERROR);
    PGI_NAME(CURLE_RECV_ERROR);
    PGI_NAME(CURLE_SSL_CERTPROBLEM);
    PGI_NAME(CURLE_SSL_CIPHER);
    PGI_NAME(CURLE_PEER_FAILED_VERIFICATION);
    PGI_NAME(CURLE_BAD_CONTENT_ENCODING);
    PGI_NAME(CURLE_SEND_FAIL_REWIND);
    PGI_NAME(CURLE_SSL_ENGINE_INITFAILED);
    PGI_NAME(CURLE_SSL_CACERT_BADFILE);
    PGI_NAME(CURLE_SSL_ISSUER_ERROR);
    PGI_NAME(CURLE_NO_CONNECTION_AVAILABLE);
    PGI_NAME(CURLE_SSL_INVALIDCERTSTATUS);
    PGI_NAME(CURLE_HTTP2_STREAM);
    PGI_NAME(CURLE_RECURSIVE_API_CALL);
    PGI_NAME(CURLE_HTTP3);
    PGI_NAME(CURLE_QUIC_CONNECT_ERROR);
    PGI_NAME(CURLE_PROXY);
    default:
      return "CURLE_" + std::to_string(code);
  }
#undef PGI_NAME
}

/// "SSL certificate problem" stays as it is, "Could not resolve host" does not.
void LowerFirstWord(std::string& words) {
  const auto is_upper = [&](size_t at) {
    return std::isupper(static_cast<unsigned char>(words[at]));
  };
  if (words.size() > 1 && is_upper(0) && !is_upper(1)) {
    words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
  }
}

}  // namespace

Failure FailureOf(CURLcode code, std::string words) {
  while (!words.empty() && (words.back() == '.' || words.back() == '\n')) words.pop_back();
  LowerFirstWord(words);
  Failure failure(NameOf(code), std::move(words));
  failure.curl_code = code;
  return failure;
}

}  // namespace pginstall
