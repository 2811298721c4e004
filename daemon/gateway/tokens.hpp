// The tokens of one profile, for a loop that must not wait: libfob's page is read at once, and what may take
// long (fobd has none yet, another one after a refusal) is done on a thread of its own.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/client/token_source.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace fob::gateway {

struct Token {
  std::string text;
  BootTime deadline;
};

/// One thread, the loop's.
class Tokens {
 public:
  /// Fails as client::TokenSource::open(). `clock` outlives it.
  static Result<std::shared_ptr<Tokens>> open(boost::asio::io_context& io, const std::string& profile,
                                              const std::string& socket, const Clock& clock);
  virtual ~Tokens() = default;

  /// A living token; or why there is none, as fobd says it, after some seconds at most.
  virtual boost::asio::awaitable<Result<Token>> get() = 0;
  /// Upstream refused this one: another, or why there is none.
  virtual boost::asio::awaitable<Result<Token>> another_than(std::string rejected) = 0;
};

}  // namespace fob::gateway
