// Requests to the vendor's API, by libcurl on Asio's loop: as many as there are apps that ask, each taking
// and giving its bytes piece by piece, so that none of them is ever held whole. The answers come from a cloud
// that is trusted with the token but may be slow, broken, or another one behind a captive portal.
#pragma once

#include "ipc/base/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fob::gateway {

struct Header {
  std::string name, value;
};

struct UpstreamRequest {
  std::string method;
  std::string url;
  std::vector<Header> headers;  ///< without what is about the connection and the length
  std::string token;
  bool has_body = false;
  std::optional<std::uint64_t> body_size;  ///< nothing: not known before its end
};

struct UpstreamAnswer {
  int status = 0;
  std::vector<Header> headers;
  std::optional<std::uint64_t> body_size;  ///< as the body is delimited by, or would be of HEAD
};

/// One request and its answer. One thread, the loop's, and one coroutine at a time.
class Transfer {
 public:
  virtual ~Transfer() = default;

  /// The next piece of the request's body; returns once it is taken. False where upstream takes no more: it
  /// has answered already, or failed.
  virtual boost::asio::awaitable<bool> send(std::string_view piece) = 0;
  virtual void end_of_body() = 0;
  /// The head of the answer, once it is there. Fails with unreachable, timeout, tls or bad_answer.
  virtual boost::asio::awaitable<Result<UpstreamAnswer>> head() = 0;
  /// The next piece of its body, valid until the next call; empty at its end. Fails where it is cut short.
  virtual boost::asio::awaitable<Result<std::string_view>> receive() = 0;
};

/// Where to, and whom to trust there.
struct UpstreamSettings {
  std::optional<std::string> ca_pem;      ///< instead of the system's CAs
  std::optional<std::string> pin_sha256;  ///< base64 of the SHA-256 of the server's public key
  std::optional<std::string> proxy;
};

class Upstream {
 public:
  virtual ~Upstream() = default;
  /// `io` outlives it and its transfers. Throws where libcurl cannot be used at all.
  static std::shared_ptr<Upstream> make(boost::asio::io_context& io, UpstreamSettings settings);
  virtual std::shared_ptr<Transfer> start(UpstreamRequest request) = 0;
};

}  // namespace fob::gateway
