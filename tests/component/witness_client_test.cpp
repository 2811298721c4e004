// The witness, asked over its socket and as a child: whatever it says or does not say costs a fact, never a
// request, and no later question gets the answer to an earlier one.
#include "daemon/broker/witness_client.hpp"

#include "ipc/base/pidfd.hpp"
#include "tests/support/fake_unit.hpp"
#include "tests/support/temp_directory.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using test::FakeUnit;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr wire::WitnessQuestion k_path{true, false};
constexpr const char* k_answer = "{\"v\":1,\"exe\":\"/usr/bin/app\"}\n";

class WitnessClientTest : public ::testing::Test {
 protected:
  // Asks `times` at once.
  std::vector<wire::WitnessAnswer> ask_all(const Witness& witness, std::size_t times,
                                           wire::WitnessQuestion question = k_path) {
    std::vector<wire::WitnessAnswer> answers;
    for (std::size_t i = 0; i < times; ++i)
      boost::asio::co_spawn(io_, witness(self_, question),
                            [&](std::exception_ptr error, wire::WitnessAnswer answer) {
                              if (error) std::rethrow_exception(error);
                              answers.push_back(std::move(answer));
                            });
    io_.restart();
    if (awaits_end_of_child_) {
      while (answers.size() < times && io_.run_one() > 0) continue;
    } else {
      io_.run();
    }
    EXPECT_EQ(answers.size(), times);
    return answers;
  }
  wire::WitnessAnswer ask(const Witness& witness, wire::WitnessQuestion question = k_path) {
    return ask_all(witness, 1, question).front();
  }

  Witness at_socket(std::chrono::milliseconds deadline = 30s) {
    return witness_at(io_.get_executor(), socket(), deadline);
  }
  Witness by_script(std::string script, std::chrono::milliseconds rest = 0ms,
                    std::chrono::milliseconds deadline = 30s) {
    WitnessProgram program;
    program.words = {"/bin/sh", "-c", std::move(script)};
    program.rest = rest;
    program.deadline = deadline;
    awaits_end_of_child_ = true;
    return witness_by_process(io_.get_executor(), std::move(program));
  }
  std::filesystem::path socket() const { return directory_.path() / "witness.sock"; }
  // Why it does not know the path.
  static std::string why(const wire::WitnessAnswer& answer) {
    EXPECT_TRUE(answer.exe && !answer.exe->value);
    return answer.exe ? answer.exe->why_unknown : "";
  }
  static void expect_path(const wire::WitnessAnswer& answer) {
    ASSERT_TRUE(answer.exe);
    EXPECT_EQ(answer.exe->value, "/usr/bin/app") << answer.exe->why_unknown;
  }

  test::TempDirectory directory_;
  boost::asio::io_context io_{1};
  bool awaits_end_of_child_ = false;  // so there is work as long as it lives
  PidfdPtr self_ = std::make_shared<const UniqueFd>(open_pidfd(::getpid()));
};

TEST_F(WitnessClientTest, IsAskedOneLineAndItsAnswerPassedOn) {
  std::string heard;
  const FakeUnit unit(socket(), {[&heard](int connection) {
                        heard = FakeUnit::hear(connection);
                        FakeUnit::say(connection, k_answer);
                      }});
  expect_path(ask(at_socket()));
  EXPECT_EQ(heard, "{\"v\":1,\"want\":[\"exe\"]}\n");
}

TEST_F(WitnessClientTest, ThatIsNotThereIsNamedWithItsUnit) {
  const auto answer = ask(at_socket(), {true, true});
  EXPECT_THAT(why(answer), HasSubstr("is fob-witness.socket started?"));
  ASSERT_TRUE(answer.exe_sha256);
  EXPECT_EQ(answer.exe_sha256->why_unknown, answer.exe->why_unknown);
}

TEST_F(WitnessClientTest, ThatEndsWithoutAWordGivesNoAnswer) {
  const FakeUnit unit(socket(), {FakeUnit::end(), FakeUnit::answer(R"({"v":1,)")});
  EXPECT_EQ(why(ask(at_socket())), "fob-witness gave no answer");
  EXPECT_EQ(why(ask(at_socket())), "fob-witness gave no answer") << "half a line is none";
}

TEST_F(WitnessClientTest, ThatIsSilentIsGivenUp) {
  const FakeUnit unit(socket(), {FakeUnit::silence()});
  EXPECT_EQ(why(ask(at_socket(50ms))), "fob-witness did not answer in time");
}

TEST_F(WitnessClientTest, IsBelievedNothingThatIsNoAnswerToTheQuestion) {
  const FakeUnit unit(socket(),
                      {FakeUnit::answer("{}\n"), FakeUnit::answer(k_answer), FakeUnit::answer("{\"v\":1}\n"),
                       FakeUnit::answer(R"({"v":1,"exe":"/a","unknown":{"exe_sha256":"no"}})"
                                        "\n"),
                       FakeUnit::answer(std::string(k_answer) + k_answer), FakeUnit::flood()});
  EXPECT_THAT(why(ask(at_socket())), HasSubstr("fob-witness's answer is wrong"));
  const auto other = ask(at_socket(), {false, true});
  EXPECT_EQ(other.exe_sha256->why_unknown, "fob-witness did not answer what it was asked");
  EXPECT_EQ(why(ask(at_socket())), "fob-witness did not answer what it was asked");
  EXPECT_EQ(why(ask(at_socket())), "fob-witness did not answer what it was asked")
      << "more than it was asked";
  EXPECT_EQ(why(ask(at_socket())), "fob-witness said more than it was asked");
  EXPECT_EQ(why(ask(at_socket())), "fob-witness gave no answer");
}

TEST_F(WitnessClientTest, AsAChildIsStartedOnceForManyQuestions) {
  const auto started = directory_.path() / "started";
  const auto witness = by_script("echo >> " + started.string() +
                                 "; while read line; do echo '{\"v\":1,\"exe\":\"/usr/bin/app\"}'; done");
  for (const auto& answer : ask_all(witness, 5)) expect_path(answer);
  expect_path(ask(witness));
  EXPECT_EQ(std::filesystem::file_size(started), 1U);
}

TEST_F(WitnessClientTest, AsAChildThatEndsIsNoZombieUntilSomebodyAsksAgain) {
  const auto witness = by_script("read line; echo '{\"v\":1,\"exe\":\"/usr/bin/app\"}'");
  expect_path(ask(witness));
  io_.restart();
  io_.run();  // until its end was seen, which is all that is left to do
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  expect_path(ask(witness));
}

TEST_F(WitnessClientTest, AsAChildThatDiedMeanwhileIsStartedAnewForTheSameQuestion) {
  const auto witness = by_script("read line; echo '{\"v\":1,\"exe\":\"/usr/bin/app\"}'");
  expect_path(ask(witness));
  expect_path(ask(witness));
}

TEST_F(WitnessClientTest, AsAChildThatFailsIsNotStartedAtThePaceOfQuestions) {
  const auto witness = by_script("read line; exit 0", 1h);
  EXPECT_EQ(why(ask(witness)), "fob-witness gave no answer");
  EXPECT_EQ(why(ask(witness)), "fob-witness has just failed");
}

TEST_F(WitnessClientTest, AsAChildThatCannotBeRunIsAFaultOfTheInstallation) {
  WitnessProgram program;
  program.words = {(directory_.path() / "none").string()};
  EXPECT_THAT(why(ask(witness_by_process(io_.get_executor(), program))),
              HasSubstr("is fob installed completely?"));
}

TEST_F(WitnessClientTest, AsAChildThatIsStuckIsGivenUpAndWhoWaitsForItToo) {
  const auto witness = by_script("exec sleep 600", 1h, 50ms);
  std::vector<std::string> reasons;
  for (const auto& answer : ask_all(witness, 2)) reasons.push_back(why(answer));
  EXPECT_THAT(reasons, ::testing::Contains("fob-witness did not answer in time").Times(1));
}

TEST_F(WitnessClientTest, AsAChildHasABoundOnWhoWaits) {
  const auto witness = by_script("exec sleep 600", 1h, 50ms);
  const auto answers = ask_all(witness, 1 + 256 + 1);
  EXPECT_EQ(why(answers.front()), "fob-witness has too many questions to answer") << "the last, and at once";
}

TEST_F(WitnessClientTest, WithoutOneNothingIsKnown) {
  EXPECT_EQ(why(ask(no_witness)), "there is no fob-witness to ask");
}

}  // namespace
}  // namespace fob::broker
