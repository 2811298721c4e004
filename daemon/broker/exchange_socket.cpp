#include "daemon/broker/exchange_socket.hpp"

#include "daemon/broker/unit_socket.hpp"

#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

wire::ExchangeAnswer why_not(NoUnit why, const std::string& profile) {
  const std::string unit = "fob-exchange@" + profile;
  const std::string look = "; see: systemctl status " + unit;
  switch (why) {
    case NoUnit::absent:
      return failed_exchange(ErrorCode::no_credential, "no credential is enrolled for " + profile +
                                                           ": run: fob credential add " + profile +
                                                           "; or, if there is one: systemctl enable --now " +
                                                           unit + ".socket");
    case NoUnit::deaf:
      return failed_exchange(ErrorCode::store_locked, "nobody listens for " + unit + look + ".socket");
    case NoUnit::forbidden:
      return failed_exchange(ErrorCode::store_locked, "fobd may not ask " + unit + look + ".socket");
    case NoUnit::mute:
      return failed_exchange(
          ErrorCode::store_locked,
          unit +
              ".service gives no answer: its credential may not open here (TPM missing, or "
              "damaged)" +
              look);
    case NoUnit::unreachable:
      break;
  }
  return failed_exchange(ErrorCode::unreachable, "fobd cannot connect to " + unit + ".socket now");
}

wire::ExchangeAnswer meaning_of(const Talk& talk, const std::string& profile,
                                std::chrono::milliseconds patience) {
  const std::string service = "fob-exchange@" + profile + ".service";
  switch (talk.end) {
    case TalkEnd::answered:
      break;
    case TalkEnd::silent:
      return failed_exchange(ErrorCode::timeout,
                             service + " said nothing for " + std::to_string(patience.count()) + " ms");
    case TalkEnd::too_much:
      return failed_exchange(ErrorCode::bad_answer, service + " answered more than it may");
    case TalkEnd::cut_off:
      return failed_exchange(ErrorCode::bad_answer, service + " gave half an answer; its log says more");
  }
  auto answer = wire::decode_exchange_answer(talk.text);
  if (!answer)
    return failed_exchange(ErrorCode::bad_answer, service + "'s answer is wrong: " + answer.error().detail);
  return std::move(*answer);
}

asio::awaitable<wire::ExchangeAnswer> exchange_once(asio::any_io_executor executor,
                                                    std::filesystem::path directory,
                                                    std::chrono::milliseconds deadline,
                                                    wire::ExchangeRequest request) {
  std::filesystem::path socket = directory / (request.profile + ".sock");
  std::string question = encode(request) + "\n";
  const auto talk = co_await ask_unit(executor, std::move(socket), std::move(question), deadline,
                                      wire::k_max_exchange_answer);
  if (const auto* why = std::get_if<NoUnit>(&talk)) co_return why_not(*why, request.profile);
  co_return meaning_of(std::get<Talk>(talk), request.profile, deadline);
}

}  // namespace

Exchange exchange_by_socket(asio::any_io_executor executor, std::filesystem::path directory,
                            std::chrono::milliseconds deadline) {
  return [executor, directory = std::move(directory), deadline](wire::ExchangeRequest request) {
    return exchange_once(executor, directory, deadline, std::move(request));
  };
}

}  // namespace fob::broker
