// The 200 of GET /v1/token, and what answers it when an app asks again and again: bytes that are ready, made
// anew only when they would read otherwise.
#pragma once

#include "daemon/broker/audit.hpp"
#include "daemon/broker/broker.hpp"
#include "daemon/broker/http_server.hpp"
#include "daemon/broker/token_keeper.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/wire/app_messages.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fob::broker {

/// To the nearest second, but a token that is alive is never called spent.
std::chrono::seconds shown_seconds(std::chrono::nanoseconds left);

/// A living token as apps and followers are told of it.
wire::TokenAnswer token_answer(const core::Token& token, const std::string& profile, const Clock& clock);

/// The answers with one profile's tokens, as JSON or as text. Shared by all who ask for them.
class TokenAnswers {
 public:
  /// `clock` outlives it.
  TokenAnswers(std::string profile, bool as_text, const Clock& clock);

  /// Valid until the next call.
  const Response& response(const core::TokenPtr& token, BootTime now) {
    return up_to_date(token, now).response_;
  }
  std::string_view bytes(const core::TokenPtr& token, BootTime now) { return up_to_date(token, now).bytes_; }

 private:
  TokenAnswers& up_to_date(const core::TokenPtr& token, BootTime now);

  const std::string profile_;
  const bool as_text_;
  const Clock& clock_;
  core::TokenPtr token_;
  std::chrono::seconds shown_{};
  std::chrono::sys_seconds expires_at_;
  Response response_;
  std::string bytes_;
};

/// For a peer whose grant does not turn on what it may become (its unit, its program): as long as the
/// configuration and the token stay the same, so does the answer.
class TokenRepeat final : public Repeat {
 public:
  TokenRepeat(Broker& broker, std::shared_ptr<TokenKeeper> keeper,
              std::optional<std::chrono::milliseconds> min_ttl, std::shared_ptr<TokenAnswers> answers,
              core::TokenPtr token, core::AuditLog::Ticket ticket, uid_t uid, const Clock& clock)
      : broker_(broker),
        clock_(clock),
        generation_(broker.generation()),
        keeper_(std::move(keeper)),
        min_ttl_(min_ttl),
        answers_(std::move(answers)),
        token_(std::move(token)),
        ticket_(ticket),
        uid_(uid) {}

  std::string_view answer(pid_t asks) override;
  bool is_over() const override;

 private:
  Broker& broker_;
  const Clock& clock_;
  std::uint64_t generation_;
  std::shared_ptr<TokenKeeper> keeper_;
  std::optional<std::chrono::milliseconds> min_ttl_;
  std::shared_ptr<TokenAnswers> answers_;
  core::TokenPtr token_;  ///< which its audit record names
  core::AuditLog::Ticket ticket_;
  uid_t uid_;  ///< of all who are answered so
};

}  // namespace fob::broker
