// What an app may ask of fobd (design.md §4), as typed calls on fob.sock.
#pragma once

#include "ipc/client/client.hpp"
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/event_stream.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace fob::client {

/// A token, and the document it came in.
struct TokenReply {
  wire::TokenAnswer answer;
  std::string document;  ///< the JSON of design.md §4, as fobd sent it
};

/// Failures are those of Client::demand(): fobd's own codes, or daemon_not_running and its like.
class AppClient {
 public:
  AppClient(std::filesystem::path app_socket, const Clock& clock);

  /// Blocks for as long as `query.wait` says, and a little more.
  Result<TokenReply> token(const wire::TokenQuery& query) const;
  /// Reports that the token with this fingerprint was answered with a 401; returns the new one.
  Result<TokenReply> rejected(const std::optional<std::string>& profile,
                              const std::string& fingerprint) const;
  /// Hands over each event of GET /v1/events, the current state first, until `taken` says false. Fails with
  /// daemon_not_running where fobd ends; the caller may come again.
  Result<void> follow(const std::optional<std::string>& profile,
                      const std::function<bool(const wire::Event& event)>& taken) const;
  /// The document of GET /v1/profiles: what this process may have.
  Result<std::string> profiles() const;

 private:
  Client client_;
};

}  // namespace fob::client
