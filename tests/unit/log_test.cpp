// What a line of the log looks like, what is counted instead of being said again, and that the document lists
// each event as it is.
#include "ipc/base/log.hpp"

#include "tests/support/manual_clock.hpp"
#include "tests/support/recorded_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

namespace fob {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class LogTest : public ::testing::Test {
 protected:
  void fails(ErrorCode why = ErrorCode::unreachable, const std::string& profile = "p") {
    log().say(Event::refresh_failed, "no", {.profile = profile, .failure = why});
  }
  Log& log() { return recorded_.log; }
  // What was said since the last call.
  std::string said() {
    std::string text = recorded_.str();
    recorded_.clear();
    return text;
  }
  std::vector<BootTime> armed() {
    log().when_repeated([this](BootTime due) { armed_.push_back(due); });
    return armed_;
  }

  test::ManualClock clock_;
  test::RecordedLog recorded_{clock_};
  std::vector<BootTime> armed_;
  const BootTime start_ = clock_.boot_now();
};

TEST_F(LogTest, ALineHasItsEventsPriorityAndWhatItIsAbout) {
  log().say(Event::token, "token ab12", {.profile = "p", .fingerprint = "ab12", .credential_version = 3});
  log().say(Event::alarm, "ALARM", {.profile = "p", .failure = ErrorCode::rejected});
  log().say(Event::ended, "fobd ends");
  EXPECT_EQ(
      said(),
      "[info] p: token ab12\tFOB_EVENT=token\tFOB_PROFILE=p\tFOB_FINGERPRINT=ab12\tFOB_CREDENTIAL_VERSION=3\n"
      "[error] p: ALARM\tFOB_EVENT=alarm\tFOB_PROFILE=p\tFOB_KIND=rejected\n"
      "[info] fobd ends\tFOB_EVENT=ended\n");
}

TEST_F(LogTest, IsOneLineWhateverOthersSent) {
  log().say(Event::bug, "what\n<0>an\033[31m app\r\nFOB_DECISION=granted");
  EXPECT_EQ(said(), "[error] what <0>an [31m app  FOB_DECISION=granted\tFOB_EVENT=bug\n");
  log().say(Event::bug, std::string(100'000, 'x'));
  log().say(Event::gave_up, std::string(100'000, 'x'));
  EXPECT_LT(said().size(), 5000u);
}

TEST_F(LogTest, CountsWhatIsTheSameWithinAMinute) {
  for (int i = 0; i < 1000; ++i) fails();
  EXPECT_EQ(said(), "[warning] p: no\tFOB_EVENT=refresh-failed\tFOB_PROFILE=p\tFOB_KIND=unreachable\n");
  clock_.advance(60s);
  fails();
  EXPECT_THAT(said(), HasSubstr("p: no (the same 999 times more before)\t"));
  clock_.advance(60s);
  fails();
  EXPECT_EQ(said(), "[warning] p: no\tFOB_EVENT=refresh-failed\tFOB_PROFILE=p\tFOB_KIND=unreachable\n");
}

TEST_F(LogTest, TellsApartWhatDiffersInEventProfileOrKind) {
  fails();
  fails(ErrorCode::rate_limited);
  fails(ErrorCode::unreachable, "q");
  log().say(Event::no_token, "no", {.profile = "p", .failure = ErrorCode::unreachable});
  const std::string text = said();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
}

TEST_F(LogTest, SaysEachTimeWhatOthersCannotCause) {
  for (int i = 0; i < 3; ++i) log().say(Event::void_grant, "fob.toml:7: nobody");
  const std::string text = said();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(LogTest, TellsOfRepeatsEvenIfNothingFollowsAndSaysHowOldTheyAre) {
  armed();
  fails();
  EXPECT_TRUE(armed().empty()) << "nothing is repeated, nothing to wake up for";
  clock_.advance(1s);
  fails();
  clock_.advance(11s);
  log().say(Event::refresh_failed, "no, and later", {.profile = "p", .failure = ErrorCode::unreachable});
  ASSERT_EQ(armed(), std::vector{start_ + 60s});
  said();
  clock_.advance(48s);
  log().tell_repeats();
  EXPECT_EQ(said(),
            "[warning] p: no, and later (the same 2 times more before, the last 48 s ago)\t"
            "FOB_EVENT=refresh-failed\tFOB_PROFILE=p\tFOB_KIND=unreachable\tFOB_REPEATS=2\n");
  EXPECT_EQ(armed().size(), 1u) << "nothing is left to wake up for";
  fails();
  EXPECT_EQ(armed(), (std::vector{start_ + 60s, start_ + 120s})) << "one line a minute";
  EXPECT_EQ(said(), "");
}

TEST_F(LogTest, IsArmedAgainForWhatIsNotDueYet) {
  armed();
  fails();
  fails();
  clock_.advance(30s);
  fails(ErrorCode::tls);
  fails(ErrorCode::tls);
  clock_.advance(30s);
  log().tell_repeats();
  EXPECT_EQ(armed(), (std::vector{start_ + 60s, start_ + 90s}));
}

TEST_F(LogTest, IsArmedForWhatIsDueFirst) {
  armed();
  fails();
  clock_.advance(30s);
  fails(ErrorCode::tls);
  fails(ErrorCode::tls);
  fails();
  EXPECT_EQ(armed(), (std::vector{start_ + 90s, start_ + 60s})) << "the one that came first is due first";
}

TEST_F(LogTest, TellsTheRestAtTheEnd) {
  fails();
  fails();
  said();
  log().tell_the_rest();
  EXPECT_THAT(said(), HasSubstr("(the same 1 times more before)"));
  log().tell_the_rest();
  EXPECT_EQ(said(), "");
}

std::string row_of(std::string_view word, std::string_view priority, bool counted) {
  return "| `" + std::string(word) + "` | " + std::string(priority) + (counted ? " | yes | " : " | | ");
}

// The rows of the table in docs/logs.md, without what they mean.
std::multiset<std::string> documented() {
  std::ifstream file(std::filesystem::path(FOB_SOURCE_DIR) / "docs" / "logs.md");
  std::multiset<std::string> rows;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) in_table = line == "## Events";
    if (!in_table || !line.starts_with("| `")) continue;
    std::size_t end = 0;
    for (int cells = 0; cells < 3; ++cells) end = line.find('|', end + 1);
    rows.insert(line.substr(0, end + 2));
  }
  return rows;
}

TEST(Events, StandInTheDocumentAsTheyAre) {
  std::multiset<std::string> events;
  for (const auto& row : all_events()) events.insert(row_of(row.word, to_string(row.priority), row.counted));
  EXPECT_EQ(documented(), events);
}

TEST(Events, EachHasARow) {
  for (auto event = Event::gave_up; event <= Event::resumed;
       event = static_cast<Event>(static_cast<int>(event) + 1))
    EXPECT_EQ(traits(event).event, event);
}

}  // namespace
}  // namespace fob
