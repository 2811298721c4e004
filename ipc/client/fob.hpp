// libfob for C++17 and later, over its C interface (fob.h, which says what each call means). Header-only,
// RAII, no exceptions of its own; every outcome is a Status that must be looked at.
//
//   fob::app::TokenSource source;
//   if (auto token = source.get()) request.set("Authorization", "Bearer " + std::string(token.text()));
//   else log(source.last_error());
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fob.h>
#include <string>
#include <string_view>
#include <utility>

namespace fob::app {

enum class Status : int {
  ok = FOB_OK,
  failed = FOB_FAILED,
  usage = FOB_USAGE,
  not_running = FOB_NOT_RUNNING,
  not_granted = FOB_NOT_GRANTED,
  no_token = FOB_NO_TOKEN,
  credential_rejected = FOB_CREDENTIAL_REJECTED,
  config = FOB_CONFIG,
  store = FOB_STORE,
  timed_out = FOB_TIMED_OUT,
  too_small = FOB_TOO_SMALL,
};

inline std::string_view to_string(Status status) { return fob_status_text(static_cast<int>(status)); }

/// A token, or why there is none. Move-only; wiped at its end.
class [[nodiscard]] Token {
 public:
  Token() = default;
  Token(Status status, fob_token* token) noexcept : status_(status), token_(token) {}
  Token(Token&& other) noexcept : status_(other.status_), token_(std::exchange(other.token_, nullptr)) {}
  Token& operator=(Token&& other) noexcept {
    std::swap(status_, other.status_);
    std::swap(token_, other.token_);
    return *this;
  }
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  ~Token() { fob_token_free(token_); }

  explicit operator bool() const noexcept { return token_ != nullptr; }
  Status status() const noexcept { return status_; }
  /// These three are "", "" and 0 where there is none. The first two are valid for the life of this.
  std::string_view text() const noexcept {
    return token_ ? std::string_view(fob_token_text(token_), fob_token_length(token_)) : std::string_view();
  }
  std::string_view fingerprint() const noexcept { return token_ ? fob_token_fingerprint(token_) : ""; }
  std::chrono::milliseconds expires_in() const noexcept {
    return std::chrono::milliseconds(token_ ? fob_token_expires_in_ms(token_) : 0);
  }

 private:
  Status status_ = Status::no_token;
  fob_token* token_ = nullptr;
};

/// Where tokens of one profile come from. Move-only; usable from any thread.
class TokenSource {
 public:
  static constexpr std::chrono::milliseconds k_default_min_ttl{FOB_DEFAULT};
  static constexpr std::chrono::seconds k_default_wait{5};
  static constexpr std::chrono::milliseconds k_forever{-1};

  /// "" for the daemon's default profile, and for the usual socket. See status().
  explicit TokenSource(const std::string& profile = "", const std::string& socket = "") noexcept
      : status_(static_cast<Status>(fob_open(profile.empty() ? nullptr : profile.c_str(),
                                             socket.empty() ? nullptr : socket.c_str(), &source_))) {}
  TokenSource(TokenSource&& other) noexcept
      : source_(std::exchange(other.source_, nullptr)),
        status_(std::exchange(other.status_, Status::usage)) {}
  TokenSource& operator=(TokenSource&& other) noexcept {
    std::swap(source_, other.source_);
    std::swap(status_, other.status_);
    return *this;
  }
  TokenSource(const TokenSource&) = delete;
  TokenSource& operator=(const TokenSource&) = delete;
  ~TokenSource() { fob_close(source_); }

  /// ok, or why it could not be made. Every call on one that could not says the same.
  Status status() const noexcept { return status_; }

  Token get(std::chrono::milliseconds min_ttl = k_default_min_ttl,
            std::chrono::milliseconds wait = k_default_wait) noexcept {
    if (!source_) return {status_, nullptr};
    fob_token* token = nullptr;
    const int status = fob_get_token(source_, min_ttl.count(), wait.count(), &token);
    return {static_cast<Status>(status), token};
  }
  /// Into the caller's memory, with a final zero. `length` receives the length without it.
  [[nodiscard]] Status get_into(char* buffer, std::size_t capacity, std::size_t& length,
                                std::chrono::milliseconds min_ttl = k_default_min_ttl,
                                std::chrono::milliseconds wait = k_default_wait) noexcept {
    if (!source_) return status_;
    return static_cast<Status>(fob_get(source_, min_ttl.count(), wait.count(), buffer, capacity, &length));
  }
  [[nodiscard]] Status report_rejected(std::string_view token) noexcept {
    if (!source_) return status_;
    return static_cast<Status>(fob_report_rejected(source_, token.data(), token.size()));
  }

  std::uint64_t change() noexcept { return source_ ? fob_change(source_) : 0; }
  /// Updates `since`. ok or timed_out.
  [[nodiscard]] Status wait(std::uint64_t& since, std::chrono::milliseconds timeout = k_forever) noexcept {
    if (!source_) return status_;
    return static_cast<Status>(fob_wait(source_, since, timeout.count(), &since));
  }
  int descriptor() noexcept { return source_ ? fob_descriptor(source_) : -1; }
  std::uint64_t acknowledge() noexcept {
    std::uint64_t seen = 0;
    if (source_) (void)fob_acknowledge(source_, &seen);
    return seen;
  }

  std::string last_error() {
    if (!source_) return std::string(to_string(status_));
    // Another thread may set another text between the two calls.
    std::string text(fob_last_error(source_, nullptr, 0), '\0');
    text.resize(std::min(text.size(), fob_last_error(source_, text.data(), text.size() + 1)));
    return text;
  }

 private:
  fob_source* source_ = nullptr;
  Status status_;
};

}  // namespace fob::app
