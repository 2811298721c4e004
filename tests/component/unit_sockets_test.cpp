// The units of the system installation, asked over their sockets: whatever they do, and whatever systemd does
// in their place, ends in an answer that says what to do, soon and in bounded memory.
#include "daemon/broker/exchange_socket.hpp"
#include "daemon/broker/promotion_socket.hpp"
#include "tests/support/fake_unit.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/turns.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace fob::broker {
namespace {

using test::FakeUnit;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* k_token =
    R"({"v":1,"ok":true,"access_token":"t","token_type":"Bearer","started_boottime_ns":1,"expires_in_ms":5,"credential_version":1})"
    "\n";

class UnitSocketsTest : public ::testing::Test {
 protected:
  wire::ExchangeAnswer exchange(std::chrono::milliseconds deadline = 30s) {
    const Exchange ask = exchange_by_socket(io_.get_executor(), directory_.path(), deadline);
    return run(ask({"p", wire::Slot::current}));
  }
  PromotionOutcome promotion(std::chrono::milliseconds deadline = 30s) {
    const Promote ask = promote_by_socket(io_.get_executor(), promoter(), deadline);
    return run(ask("p", 7));
  }

  template <class T>
  T run(boost::asio::awaitable<T> coroutine) {
    std::optional<T> outcome;
    boost::asio::co_spawn(io_, std::move(coroutine), [&](std::exception_ptr error, T known) {
      if (error) std::rethrow_exception(error);
      outcome = std::move(known);
    });
    io_.restart();
    io_.run();
    return std::move(*outcome);
  }

  static wire::ExchangeFailure failure_of(const wire::ExchangeAnswer& answer) {
    EXPECT_TRUE(std::holds_alternative<wire::ExchangeFailure>(answer));
    return std::get<wire::ExchangeFailure>(answer);
  }

  std::filesystem::path exchanger() const { return directory_.path() / "p.sock"; }
  std::filesystem::path promoter() const { return directory_.path() / "promote.sock"; }

  test::TempDirectory directory_;
  boost::asio::io_context io_{1};
};

TEST_F(UnitSocketsTest, AnExchangerIsAskedOneLineAndItsAnswerPassedOn) {
  std::string heard;
  const FakeUnit unit(exchanger(), {[&heard](int connection) {
                        heard = FakeUnit::hear(connection);
                        FakeUnit::say(connection, k_token);
                      }});
  const auto answer = exchange();
  ASSERT_TRUE(std::holds_alternative<wire::ExchangeSuccess>(answer));
  EXPECT_EQ(std::get<wire::ExchangeSuccess>(answer).access_token, "t");
  EXPECT_EQ(heard, "{\"v\":1,\"profile\":\"p\",\"slot\":\"current\"}\n");
}

TEST_F(UnitSocketsTest, WhereThereIsNoSocketNoCredentialIsEnrolled) {
  const auto failure = failure_of(exchange());
  EXPECT_EQ(failure.code, ErrorCode::no_credential);
  EXPECT_EQ(
      failure.detail,
      "no credential is enrolled for p: run: fob credential add p; or, if there is one: systemctl enable "
      "--now fob-exchange@p.socket");
}

TEST_F(UnitSocketsTest, WhereNobodyListensTheSocketUnitIsNamed) {
  { const FakeUnit gone(exchanger(), {}); }
  const auto failure = failure_of(exchange());
  EXPECT_EQ(failure.code, ErrorCode::store_locked);
  EXPECT_THAT(failure.detail, HasSubstr("systemctl status fob-exchange@p.socket"));
}

TEST_F(UnitSocketsTest, OneThatJustEndedIsAskedAgain) {
  const FakeUnit unit(exchanger(), {FakeUnit::reset(), FakeUnit::end(), FakeUnit::answer(k_token)});
  EXPECT_TRUE(std::holds_alternative<wire::ExchangeSuccess>(exchange()));
  EXPECT_EQ(unit.connections(), 3);
}

TEST_F(UnitSocketsTest, OneThatNeverStartsIsALockedStoreAfterThreeAttempts) {
  const FakeUnit unit(exchanger(), {FakeUnit::end(), FakeUnit::reset(), FakeUnit::reset(), FakeUnit::end()});
  const auto failure = failure_of(exchange());
  EXPECT_EQ(unit.connections(), 3);
  EXPECT_EQ(failure.code, ErrorCode::store_locked);
  EXPECT_EQ(failure.detail,
            "fob-exchange@p.service gives no answer: its credential may not open here (TPM missing, or "
            "damaged); see: systemctl status fob-exchange@p");
}

TEST_F(UnitSocketsTest, HalfALineIsNoAnswerAndNotAskedForAgain) {
  const FakeUnit unit(exchanger(), {FakeUnit::answer(R"({"v":1,"ok":)"), FakeUnit::answer(k_token)});
  EXPECT_EQ(failure_of(exchange()).code, ErrorCode::bad_answer);
  EXPECT_EQ(unit.connections(), 1);
}

TEST_F(UnitSocketsTest, NonsenseIsNoAnswer) {
  const FakeUnit unit(exchanger(), {FakeUnit::answer("hello\n")});
  EXPECT_THAT(failure_of(exchange()).detail, HasSubstr("this is not JSON"));
}

TEST_F(UnitSocketsTest, AFloodIsCutOff) {
  const FakeUnit unit(exchanger(), {FakeUnit::flood()});
  EXPECT_THAT(failure_of(exchange()).detail, HasSubstr("answered more than it may"));
}

TEST_F(UnitSocketsTest, OneThatIsSilentIsGivenUp) {
  const FakeUnit unit(exchanger(), {FakeUnit::silence()});
  const auto failure = failure_of(exchange(200ms));
  EXPECT_EQ(failure.code, ErrorCode::timeout);
  EXPECT_THAT(failure.detail, HasSubstr("said nothing for 200 ms"));
}

TEST_F(UnitSocketsTest, OneThatIsNotEvenTakenIsGivenUp) {
  const FakeUnit unit(exchanger(), {});
  EXPECT_EQ(failure_of(exchange(200ms)).code, ErrorCode::timeout);
}

TEST_F(UnitSocketsTest, OneThatIsGivenUpSeesItsConnectionClosed) {
  std::promise<void> closed;
  const FakeUnit unit(exchanger(), {[&closed](int connection) {
                        FakeUnit::silence()(connection);
                        closed.set_value();
                      }});
  const Exchange ask = exchange_by_socket(io_.get_executor(), directory_.path());
  boost::asio::cancellation_signal give_up;
  bool ended = false;
  auto end = [&](std::exception_ptr, const wire::ExchangeAnswer&) { ended = true; };
  boost::asio::co_spawn(io_, ask({"p", wire::Slot::current}),
                        boost::asio::bind_cancellation_slot(give_up.slot(), end));
  test::turn_for(io_, 100ms);
  EXPECT_FALSE(ended);
  give_up.emit(boost::asio::cancellation_type::terminal);
  io_.run();
  EXPECT_TRUE(ended);
  EXPECT_EQ(closed.get_future().wait_for(30s), std::future_status::ready);
}

TEST_F(UnitSocketsTest, APathThatIsTooLongIsAnAnswerToo) {
  const Exchange ask = exchange_by_socket(io_.get_executor(), directory_.path() / std::string(200, 'x'));
  EXPECT_EQ(failure_of(run(ask({"p", wire::Slot::current}))).code, ErrorCode::unreachable);
}

TEST_F(UnitSocketsTest, APromotionNamesTheProfileAndTheVersionThatWasTried) {
  std::string heard;
  const FakeUnit unit(promoter(), {[&heard](int connection) {
                        heard = FakeUnit::hear(connection);
                        FakeUnit::say(connection, "{\"v\":1,\"outcome\":\"promoted\",\"detail\":\"\"}\n");
                      }});
  EXPECT_EQ(promotion().outcome, core::Promotion::promoted);
  EXPECT_EQ(heard, "{\"v\":1,\"profile\":\"p\",\"version\":7}\n");
}

TEST_F(UnitSocketsTest, APromotionMayBeLeftAloneOrFail) {
  const FakeUnit unit(
      promoter(), {FakeUnit::answer("{\"v\":1,\"outcome\":\"left-alone\",\"detail\":\"\"}\n"),
                   FakeUnit::answer("{\"v\":1,\"outcome\":\"failed\",\"detail\":\"the disk is full\"}\n")});
  EXPECT_EQ(promotion().outcome, core::Promotion::left_alone);
  const auto failed = promotion();
  EXPECT_EQ(failed.outcome, core::Promotion::failed);
  EXPECT_EQ(failed.detail, "the disk is full");
}

TEST_F(UnitSocketsTest, APromotionWithoutAnAnswerHasFailed) {
  EXPECT_THAT(promotion().detail, HasSubstr("there is no fob-promote.socket"));
  const FakeUnit unit(promoter(), {FakeUnit::answer("hello\n"), FakeUnit::flood(), FakeUnit::silence(),
                                   FakeUnit::end(), FakeUnit::end(), FakeUnit::end()});
  const std::vector<std::pair<std::string, std::chrono::milliseconds>> endings = {
      {"this is not JSON", 30s}, {"no whole answer", 30s}, {"said nothing", 1s}, {"gives no answer", 30s}};
  for (const auto& [words, deadline] : endings) {
    const auto outcome = promotion(deadline);
    EXPECT_EQ(outcome.outcome, core::Promotion::failed);
    EXPECT_THAT(outcome.detail, HasSubstr(words));
  }
}

TEST_F(UnitSocketsTest, BehindWhatIsNoDirectoryNoCredentialIsEnrolled) {
  const auto file = directory_.path() / "file";
  std::ofstream(file) << "text";
  const Exchange ask = exchange_by_socket(io_.get_executor(), file);
  EXPECT_EQ(failure_of(run(ask({"p", wire::Slot::current}))).code, ErrorCode::no_credential);
}

TEST_F(UnitSocketsTest, ASocketOfAnotherKindIsNoUnit) {
  const UniqueFd datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  exchanger().string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(datagrams.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(failure_of(exchange()).code, ErrorCode::unreachable);
}

TEST_F(UnitSocketsTest, OneForWhichMoreWaitThanSystemdTakesIsGivenUpAfterThreeAttempts) {
  const UniqueFd busy(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  exchanger().string().copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  ASSERT_EQ(::bind(busy.get(), name, sizeof address), 0);
  ASSERT_EQ(::listen(busy.get(), 0), 0);
  std::vector<UniqueFd> waiting;
  do {
    waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  } while (::connect(waiting.back().get(), name, sizeof address) == 0);
  ASSERT_EQ(errno, EAGAIN);
  const auto failure = failure_of(exchange());
  EXPECT_EQ(failure.code, ErrorCode::store_locked);
  EXPECT_THAT(failure.detail, HasSubstr("gives no answer"));
}

TEST_F(UnitSocketsTest, OneThatFobdMayNotAskIsNamedWithItsSocket) {
  const FakeUnit unit(exchanger(), {}), other(promoter(), {});
  if (::geteuid() != 0) GTEST_SKIP() << "to be somebody else is for root";
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  ASSERT_EQ(::seteuid(65534), 0);
  const auto answer = exchange();
  const auto outcome = promotion();
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(failure_of(answer).code, ErrorCode::store_locked);
  EXPECT_THAT(failure_of(answer).detail, HasSubstr("fobd may not ask fob-exchange@p"));
  EXPECT_THAT(outcome.detail, HasSubstr("fobd may not ask fob-promote"));
}

}  // namespace
}  // namespace fob::broker
