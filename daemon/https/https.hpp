// How libcurl is set wherever it carries a credential or a token: TLS 1.2 or newer with the certificate
// checked, no redirect, no netrc, no proxy of the environment's, and in clear to loopback alone. The
// exchanger and the gateway differ in what they send, not in this.
#pragma once

#include <curl/curl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace fob::https {

/// Who is asked, and whom to trust there. Copied by use().
struct Server {
  const std::string& url;
  const std::optional<std::string>& ca_pem;      ///< instead of the system's CAs, not beside them
  const std::optional<std::string>& pin_sha256;  ///< base64 of the SHA-256 of the server's public key
  const std::optional<std::string>& proxy;  ///< never used in clear: what is sent would leave this machine
};

/// Throws std::runtime_error where libcurl does not take it, which is a bug.
template <class T>
void set(CURL* handle, CURLoption option, T value) {
  static_assert(!std::is_same_v<T, int> && !std::is_same_v<T, bool>, "libcurl takes long");
  if (curl_easy_setopt(handle, option, value) != CURLE_OK)
    throw std::runtime_error("libcurl refuses option " + std::to_string(option));
}

/// Sets all of the above, and 10 s to connect (design.md §6). Whether a name that says loopback leads there
/// is the caller's to see before the request (CURLOPT_PREREQFUNCTION). Throws as set().
inline void use(CURL* handle, const Server& server) {
  // A hashed directory: OpenSSL reads the one certificate it needs, where the bundle would have it parse all.
  constexpr const char* k_system_cas = "/etc/ssl/certs";
  constexpr long k_connect_timeout_ms = 10'000;
  const bool clear = server.url.starts_with("http://");

  set(handle, CURLOPT_URL, server.url.c_str());
  set(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(handle, CURLOPT_PROTOCOLS_STR, clear ? "http" : "https");
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, k_connect_timeout_ms);
  set(handle, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs is not waited for once time is up
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle, CURLOPT_HTTP09_ALLOWED, 0L);

  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // The proxy, if it speaks TLS itself, is always judged by the system's CAs.
  set(handle, CURLOPT_PROXY_CAINFO, static_cast<const char*>(nullptr));
  set(handle, CURLOPT_PROXY_CAPATH, k_system_cas);
  set(handle, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
  set(handle, CURLOPT_CAPATH, server.ca_pem ? nullptr : k_system_cas);
  if (server.ca_pem) {
    curl_blob blob = {const_cast<char*>(server.ca_pem->data()), server.ca_pem->size(), CURL_BLOB_COPY};
    set(handle, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (server.pin_sha256) set(handle, CURLOPT_PINNEDPUBLICKEY, ("sha256//" + *server.pin_sha256).c_str());

  // "" rather than unset, else libcurl asks the environment.
  set(handle, CURLOPT_PROXY, clear || !server.proxy ? "" : server.proxy->c_str());
  set(handle, CURLOPT_NOPROXY, "");
  set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(handle, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // no Authorization to the proxy
}

}  // namespace fob::https
