// The one file that knows libcurl: one request, over a connection that is either trusted TLS or this
// machine's own loopback, with nothing taken from the environment and every dimension bounded.
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
  /// A HEAD to the same place by the same rules, which says nothing of the request but its URL. As post().
  HttpSight look(const HttpRequest& request) const;
};

}  // namespace fob::exchanger
