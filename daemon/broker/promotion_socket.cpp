#include "daemon/broker/promotion_socket.hpp"

#include "daemon/broker/unit_socket.hpp"
#include "ipc/wire/promotion_line.hpp"

#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

PromotionOutcome why_not(NoUnit why) {
  const std::string look = "; see: systemctl status fob-promote.socket";
  switch (why) {
    case NoUnit::absent:
      return failed_promotion("there is no fob-promote.socket" + look);
    case NoUnit::deaf:
      return failed_promotion("nobody listens for fob-promote" + look);
    case NoUnit::forbidden:
      return failed_promotion("fobd may not ask fob-promote" + look);
    case NoUnit::mute:
      return failed_promotion("fob-promote gives no answer; see: journalctl -u 'fob-promote@*'");
    case NoUnit::unreachable:
      break;
  }
  return failed_promotion("fobd cannot connect to fob-promote.socket now");
}

core::Promotion in_core(wire::PromotionEnd outcome) {
  switch (outcome) {
    case wire::PromotionEnd::promoted:
      return core::Promotion::promoted;
    case wire::PromotionEnd::left_alone:
      return core::Promotion::left_alone;
    case wire::PromotionEnd::failed:
      break;
  }
  return core::Promotion::failed;
}

PromotionOutcome meaning_of(const Talk& talk, std::chrono::milliseconds patience) {
  if (talk.end == TalkEnd::silent)
    return failed_promotion("fob-promote said nothing for " + std::to_string(patience.count()) + " ms");
  if (talk.end != TalkEnd::answered)
    return failed_promotion("fob-promote gave no whole answer; its log says more");
  auto answer = wire::decode_promotion_answer(talk.text);
  if (!answer) return failed_promotion("fob-promote's answer is wrong: " + answer.error().detail);
  return {in_core(answer->outcome), std::move(answer->detail)};
}

asio::awaitable<PromotionOutcome> promote_once(asio::any_io_executor executor, std::filesystem::path socket,
                                               std::chrono::milliseconds deadline, std::string profile,
                                               std::uint64_t version) {
  const wire::PromotionRequest request{std::move(profile), version};
  std::string question = encode(request) + "\n";
  const auto talk = co_await ask_unit(executor, std::move(socket), std::move(question), deadline,
                                      wire::k_max_promotion_answer);
  if (const auto* why = std::get_if<NoUnit>(&talk)) co_return why_not(*why);
  co_return meaning_of(std::get<Talk>(talk), deadline);
}

}  // namespace

Promote promote_by_socket(asio::any_io_executor executor, std::filesystem::path socket,
                          std::chrono::milliseconds deadline) {
  return [executor, socket = std::move(socket), deadline](std::string profile, std::uint64_t version) {
    return promote_once(executor, socket, deadline, std::move(profile), version);
  };
}

}  // namespace fob::broker
