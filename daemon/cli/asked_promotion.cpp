#include "daemon/cli/asked_promotion.hpp"

#include "daemon/cli/opened_store.hpp"
#include "daemon/cli/speech.hpp"
#include "ipc/base/line.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/promotion_line.hpp"

#include <csignal>

namespace fob::cli {
namespace {

// fobd writes its line at once or never.
constexpr std::chrono::seconds k_request_patience{5};

Result<void> promote_as_asked(int in, const Context& context) {
  const auto line = read_line(in, wire::k_max_promotion_request, k_request_patience);
  if (!line) return line.error();
  const auto request = wire::decode_promotion_request(*line);
  if (!request) return request.error();
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  return promote_if_untested(*opened->store, request->profile, request->version);
}

wire::PromotionAnswer answer_to(const Result<void>& promoted) {
  if (promoted) return {wire::PromotionEnd::promoted, ""};
  const bool not_ours = promoted.error().code == ErrorCode::no_credential;
  return {not_ours ? wire::PromotionEnd::left_alone : wire::PromotionEnd::failed, promoted.error().detail};
}

}  // namespace

Result<int> answer_promotion(int in, int out, const Context& context) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto answer = answer_to(promote_as_asked(in, context));
  if (answer.outcome == wire::PromotionEnd::failed) say(answer.detail);
  if (write_line(out, wire::encode(answer))) return 0;
  return fail(ErrorCode::internal, "whoever asked was gone before the answer");
}

}  // namespace fob::cli
