#include "daemon/broker/token_answer.hpp"

#include <algorithm>
#include <utility>

namespace fob::broker {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

seconds shown_seconds(nanoseconds left) { return std::max(std::chrono::round<seconds>(left), seconds(1)); }

wire::TokenAnswer token_answer(const core::Token& token, const std::string& profile, const Clock& clock) {
  const nanoseconds left = token.left(clock.boot_now());
  return {token.access_token,
          shown_seconds(left),
          clock.wall_now() + std::chrono::round<milliseconds>(left),
          profile,
          token.scopes,
          token.fingerprint};
}

TokenAnswers::TokenAnswers(std::string profile, bool as_text, const Clock& clock)
    : profile_(std::move(profile)), as_text_(as_text), clock_(clock) {}

// The times are told in whole seconds, so between two of these the answer stays the same.
TokenAnswers& TokenAnswers::up_to_date(const core::TokenPtr& token, BootTime now) {
  const nanoseconds left = token->left(now);
  const auto shown = shown_seconds(left);
  const auto expires_at =
      std::chrono::floor<seconds>(clock_.wall_now() + std::chrono::round<milliseconds>(left));
  if (token == token_ && (as_text_ || (shown == shown_ && expires_at == expires_at_))) return *this;
  token_ = token;
  shown_ = shown;
  expires_at_ = expires_at;
  response_ = {};
  if (as_text_) {
    response_.content_type = "text/plain";
    response_.body = token->access_token;
  } else {
    response_.body = encode(token_answer(*token, profile_, clock_));
  }
  bytes_ = serialized(response_);
  return *this;
}

bool TokenRepeat::is_over() const {
  if (broker_.generation() != generation_) return true;
  const TokenOutcome available = keeper_->available();
  return !available || *available != token_;
}

std::string_view TokenRepeat::answer(pid_t asks) {
  broker_.look();
  if (broker_.generation() != generation_) return {};
  const BootTime now = clock_.boot_now();
  // In this order: the last is not undone where it is false.
  if (!keeper_->serves_plainly(token_, min_ttl_, now) || !broker_.audit()->repeat(ticket_, now)) return {};
  keeper_->served_plainly(asks, uid_, now);
  return answers_->bytes(token_, now);
}

}  // namespace fob::broker
