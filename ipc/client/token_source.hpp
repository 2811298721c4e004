// What libfob does, as C++: a token from the page where that has one, else by HTTP, so that an app gets one
// across restarts of fobd, suspend, and grants that come and go. fob.h says what each call means; fob.cpp is
// the way there.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/client/client.hpp"
#include "ipc/client/page_link.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fob::client {

/// A token that was alive at the moment it was returned.
struct HeldToken {
  std::size_t length = 0;  ///< of the token itself, which is in the caller's memory if it fits there
  bool fits = true;
  std::array<char, 8> fingerprint{};
  BootTime deadline;  ///< rather too early than too late
};

/// Every function from any thread.
class TokenSource {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Fails with usage (a name or path that cannot be) or internal (no memory). `clock` outlives it.
  static Result<std::unique_ptr<TokenSource>> open(std::optional<std::string> profile, std::string socket,
                                                   const Clock& clock);

  /// What get() would find in the page without asking anybody; false where that is not enough. The way that
  /// has to be fast.
  bool get_at_once(std::optional<Milliseconds> min_ttl, std::span<char> token, HeldToken& held) {
    return from_page(min_ttl, token, false, held);
  }
  /// Fails as fobd says, with daemon_not_running, or with timeout.
  Result<HeldToken> get(std::optional<Milliseconds> min_ttl, Milliseconds wait, std::span<char> token);
  /// An API answered 401 with this token. Success: another is in force.
  Result<void> report_rejected(std::string_view token);

  std::uint64_t change();
  /// Nothing where `timeout` came first; without one it waits for ever.
  std::optional<std::uint64_t> wait(std::uint64_t since, std::optional<Milliseconds> timeout);
  int descriptor() { return link_->descriptor(); }
  std::uint64_t acknowledge();

  void note(const Error& error) { link_->note_error(error.detail); }
  std::string last_error() const { return link_->last_error(); }

 private:
  TokenSource(std::optional<std::string> profile, Client client, std::unique_ptr<PageLink> link,
              const Clock& clock);

  bool from_page(std::optional<Milliseconds> min_ttl, std::span<char> token, bool orphaned_too,
                 HeldToken& held);
  bool lives_long_enough(const wire::PageEntry& entry, std::optional<Milliseconds> min_ttl);
  Result<HeldToken> by_request(std::optional<Milliseconds> min_ttl, Milliseconds wait, std::span<char> token);
  void await_other(std::string_view token);
  Result<HeldToken> at_its_end(std::span<char> token);
  Result<HeldToken> request_once(const std::string& target, Milliseconds wait, std::span<char> token);

  const std::optional<std::string> profile_;
  const Client client_;
  const std::unique_ptr<PageLink> link_;
  const Clock& clock_;
};

}  // namespace fob::client
