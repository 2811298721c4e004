// The launcher as a real process, and real children of it.
#include "daemon/broker/launcher.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

std::string all_from(int fd) {
  std::string text;
  std::array<char, 4096> chunk{};
  for (ssize_t n = 0; (n = ::read(fd, chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(n));
  return text;
}

// proc(5): the children of this thread, in the order of their births.
pid_t newest_child() {
  std::ifstream children("/proc/thread-self/children");
  pid_t newest = -1;
  for (pid_t pid = 0; children >> pid;) newest = pid;
  return newest;
}

class LauncherTest : public ::testing::Test {
 protected:
  // Its process ends with it, and is no later test's child to find.
  void TearDown() override {
    launcher_.reset();
    while (::waitpid(-1, nullptr, 0) > 0) continue;
  }

  void start(const std::vector<Words>& commands) {
    std::vector<LaunchForm> forms;
    for (const auto& words : commands) forms.push_back(exactly(words));
    auto started = Launcher::start(forms);
    ASSERT_TRUE(started) << started.error().detail;
    launcher_ = *started;
  }

  // What it says, and how it ends.
  std::pair<std::string, ChildEnd> run(const Words& words) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]), write_end(ends[1]);
    auto child = launcher_->spawn(words, nothing_.get(), write_end.get());
    EXPECT_TRUE(child) << child.error().detail;
    if (!child) return {};
    write_end.reset();
    std::string said = all_from(read_end.get());
    return {std::move(said), child->reap()};
  }

  UniqueFd nothing_{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  std::shared_ptr<Launcher> launcher_;
};

TEST_F(LauncherTest, RunsAProgramWhoseEndItsOwnerSees) {
  const Words words = {"/bin/sh", "-c", "echo hello; exit 3"};
  start({words});
  const auto [said, end] = run(words);
  EXPECT_EQ(said, "hello\n");
  EXPECT_EQ(end.status, 3);
}

TEST_F(LauncherTest, RunsNothingThatItWasNotToldOf) {
  start({{"/bin/echo", "hello"}});
  for (const auto& words : {Words{"/bin/echo", "bye"}, Words{"/bin/echo"}, Words{"/bin/echo", "hello", "you"},
                            Words{"/bin/sh"}}) {
    const auto child = launcher_->spawn(words, nothing_.get(), nothing_.get());
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().code, ErrorCode::unreachable);
  }
  EXPECT_EQ(run({"/bin/echo", "hello"}).first, "hello\n") << "and goes on";
}

TEST_F(LauncherTest, SaysWhatIsNotInstalled) {
  start({{"/no/such/program"}});
  const auto child = launcher_->spawn({"/no/such/program"}, nothing_.get(), nothing_.get());
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().detail, HasSubstr("/no/such/program"));
  EXPECT_THAT(child.error().detail, HasSubstr("No such file"));
}

TEST_F(LauncherTest, GivesAChildNothingButItsStreamsAndAScrubbedEnvironment) {
  const UniqueFd stray(::dup(nothing_.get()));  // not CLOEXEC
  ::setenv("FOB_TEST_STRAY", "1", 1);
  const Words words = {"/bin/sh", "-c", "ls /proc/$$/fd; env"};
  start({words});
  ::unsetenv("FOB_TEST_STRAY");
  const auto said = run(words).first;
  EXPECT_THAT(said, ::testing::StartsWith("0\n1\n2\n"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("\n3\n")));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("STRAY")));
}

TEST_F(LauncherTest, AChildIsKilledWithItsOwner) {
  const Words words = {"/bin/sleep", "1000"};
  start({words});
  auto child = launcher_->spawn(words, nothing_.get(), nothing_.get());
  ASSERT_TRUE(child) << child.error().detail;
  child->kill();
  EXPECT_EQ(child->reap().words, "was ended by signal 9");
}

TEST_F(LauncherTest, ALateAnswerIsNotTakenForTheNextOne) {
  const Words first = {"/bin/sh", "-c", "exit 1"}, second = {"/bin/sh", "-c", "exit 2"};
  launcher_ = Launcher::start({exactly(first), exactly(second)}, std::chrono::seconds(5)).value();
  const pid_t process = newest_child();
  ASSERT_EQ(::kill(process, SIGSTOP), 0);
  const auto silent = launcher_->spawn(first, nothing_.get(), nothing_.get());
  ASSERT_FALSE(silent);
  EXPECT_THAT(silent.error().detail, HasSubstr("does not answer"));
  ASSERT_EQ(::kill(process, SIGCONT), 0);
  EXPECT_EQ(run(second).second.status, 2);
}

TEST(LaunchForm, TakesProfilesAndNumbersWhereItSaysSo) {
  using Kind = LaunchWord::Kind;
  const LaunchForm form = {{Kind::exact, "promote"}, {Kind::profile_name, ""}, {Kind::number, ""}};
  EXPECT_TRUE(fits(form, {"promote", "prod-query", "12"}));
  EXPECT_FALSE(fits(form, {"promote", "../etc", "12"}));
  EXPECT_FALSE(fits(form, {"promote", "--force", "12"}));
  EXPECT_FALSE(fits(form, {"promote", "p", "-1"}));
  EXPECT_FALSE(fits(form, {"promote", "p", ""}));
  EXPECT_FALSE(fits(form, {"promote", "p", "99999999999999999999"}));
  EXPECT_FALSE(fits(form, {"promote", "p"}));
  EXPECT_FALSE(fits(form, {"promote", "p", "1", "--force"}));
}

}  // namespace
}  // namespace fob::broker
