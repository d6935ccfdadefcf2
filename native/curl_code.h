// libcurl's error codes, as failures with the names its manual has for them.
#pragma once

#include <curl/curl.h>

#include <string>

#include "failure.h"

namespace pginstall {

/// `words` are libcurl's, in its own casing; the failure's message is house style.
Failure FailureOf(CURLcode code, std::string words);

}  // namespace pginstall
