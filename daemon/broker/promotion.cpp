#include "daemon/broker/promotion.hpp"

#include "daemon/broker/child_process.hpp"
#include "ipc/base/file.hpp"

#include <fcntl.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

PromotionOutcome meaning_of(const ChildEnd& end) {
  if (end.status == 0) return {core::Promotion::promoted, ""};
  // Its word for "there is none here that is mine to promote".
  if (end.status == traits(ErrorCode::no_credential).exit_status) return {core::Promotion::left_alone, ""};
  return failed_promotion("fob credential promote " + end.words + "; its message is above");
}

asio::awaitable<PromotionOutcome> promote_once(asio::any_io_executor executor, PromotionProgram program,
                                               std::string profile, std::uint64_t version) {
  // It asks nothing, and what it says on stdout is for people.
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) co_return failed_promotion(with_errno("/dev/null"));
  std::vector<std::string> words = {program.program.string()};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  words.insert(words.end(), {"credential", "promote", std::move(profile), "--version",
                             std::to_string(version), "--if-untested"});
  auto spawned = program.spawn(std::move(words), nothing.get(), nothing.get());
  if (!spawned) co_return failed_promotion(spawned.error().detail);

  const auto child = std::make_shared<Child>(std::move(*spawned));
  co_await wait_for_end(executor, child, program.deadline);
  const ChildEnd end = co_await await_end(executor, child);
  co_return meaning_of(end);
}

}  // namespace

Promote promote_by_process(asio::any_io_executor executor, PromotionProgram program) {
  return [executor, program = std::move(program)](std::string profile, std::uint64_t version) {
    return promote_once(executor, program, std::move(profile), version);
  };
}

asio::awaitable<PromotionOutcome> promote_nothing(std::string, std::uint64_t) {
  co_return PromotionOutcome{core::Promotion::left_alone, ""};
}

}  // namespace fob::broker
