// The one file that knows libcurl: one POST, over a connection that is either trusted TLS or this machine's
// own loopback, with nothing taken from the environment and every dimension bounded.
#pragma once

#include "daemon/exchanger/http_message.hpp"

namespace fob::exchanger {

/// libcurl and OpenSSL for the life of the process, on memory that is wiped when freed. One, in main, before
/// anything else uses OpenSSL. Throws std::runtime_error if libcurl does not start.
class HttpLibrary {
 public:
  HttpLibrary();
  HttpLibrary(const HttpLibrary&) = delete;
  HttpLibrary& operator=(const HttpLibrary&) = delete;
  ~HttpLibrary();

  /// Blocks for at most 30 s. Throws std::runtime_error if libcurl cannot keep one of the rules.
  HttpOutcome post(const HttpRequest& request) const;
};

}  // namespace fob::exchanger
