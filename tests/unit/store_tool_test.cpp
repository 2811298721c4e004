// One run of a program, with the shell standing in for one that behaves, dies, hangs or floods.
#include "daemon/store/tool.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// For what ends by itself, on a busy machine; and for what does not.
constexpr seconds k_ample{60};
constexpr milliseconds k_brief{200};
constexpr std::size_t k_mebibyte = 1024 * 1024;

ToolRun run_script(const std::string& script, std::string_view input = {}, milliseconds limit = k_ample,
                   std::size_t max_output = 4096) {
  return run_tool({"/bin/sh", {}, limit}, {"-c", script}, input, max_output);
}

void expect_failure(const ToolRun& run, ToolEnd end, const std::string& complaint) {
  EXPECT_EQ(run.end, end);
  EXPECT_EQ(run.complaint, complaint);
  EXPECT_TRUE(run.output.empty());
}

TEST(Tool, IsGivenItsInputAndGivesItsOutput) {
  const auto run = run_script("cat", std::string_view("\0in\xff", 4));
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_EQ(run.output.reveal(), std::string_view("\0in\xff", 4));
  EXPECT_EQ(run.complaint, "");
}

TEST(Tool, CarriesMoreThanAPipeHoldsBothWaysAtOnce) {
  const std::string much(4 * k_mebibyte, 'x');
  const auto run = run_script("cat", much, k_ample, much.size());
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_TRUE(run.output.reveal() == much);
}

TEST(Tool, MayLeaveItsInputUnread) {
  const auto run = run_script("exec <&-; echo done", std::string(k_mebibyte, 'x'));
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_EQ(run.output.reveal(), "done\n");
}

TEST(Tool, SeesTheEndOfAnEmptyInput) { EXPECT_EQ(run_script("cat").end, ToolEnd::done); }

TEST(Tool, MayWriteExactlyWhatIsAllowed) {
  const auto run = run_script("printf 12345", {}, k_ample, 5);
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_EQ(run.output.reveal(), "12345");
}

TEST(Tool, WritesNotAByteMore) {
  expect_failure(run_script("printf 123456", {}, k_ample, 5), ToolEnd::too_much,
                 "sh wrote more than the 5 bytes allowed");
}

TEST(Tool, ThatFailsIsQuoted) {
  expect_failure(run_script("echo something; printf 'no\\nkey\\033 here\\n\\n' >&2; exit 3"), ToolEnd::failed,
                 "no key  here");
}

TEST(Tool, ThatFailsSilentlyHasItsStatusSaid) {
  expect_failure(run_script("exit 3"), ToolEnd::failed, "sh ended with status 3");
  expect_failure(run_script("kill -TERM $$"), ToolEnd::failed, "sh was killed by signal 15");
}

TEST(Tool, ThatSucceedsMayComplain) {
  const auto run = run_script("echo warning >&2; echo fine");
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_EQ(run.output.reveal(), "fine\n");
  EXPECT_EQ(run.complaint, "");
}

TEST(Tool, ThatIsNotThereIsSaidToBe) {
  expect_failure(run_tool({"/nonexistent/tool", {}, k_ample}, {}, {}, 10), ToolEnd::not_started,
                 "/nonexistent/tool: No such file or directory");
  expect_failure(run_tool({"/etc/passwd", {}, k_ample}, {}, {}, 10), ToolEnd::not_started,
                 "/etc/passwd: Permission denied");
}

TEST(Tool, IsNotLookedForInThePath) {
  EXPECT_EQ(run_tool({"sh", {}, k_ample}, {"-c", "true"}, {}, 10).end, ToolEnd::not_started);
}

TEST(Tool, ThatHangsIsKilledInTime) {
  const auto started = steady_clock::now();
  expect_failure(run_script("exec /bin/sleep 1000", {}, k_brief), ToolEnd::too_slow,
                 "sh did not end within 0.2 s and was killed");
  EXPECT_LT(steady_clock::now() - started, k_ample);
}

TEST(Tool, ThatClosesItsOutputAndHangsIsKilledToo) {
  EXPECT_EQ(run_script("exec >&- 2>&-; exec /bin/sleep 1000", {}, k_brief).end, ToolEnd::too_slow);
}

TEST(Tool, ThatHangsTakesItsChildrenWithIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  // The child holds our pipe by its path in /proc, and so its end is seen when the child's is.
  const std::string pipe = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(ends[1]);
  EXPECT_EQ(run_script("/bin/sleep 1000 >" + pipe + " & wait", {}, k_brief).end, ToolEnd::too_slow);
  ::close(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "nobody writes any more";
  ::close(ends[0]);
}

TEST(Tool, ThatEndsDoesNotWaitForWhatItLeftRunning) {
  const auto run = run_script("/bin/sleep 1000 & echo mine");
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_EQ(run.output.reveal(), "mine\n");
}

TEST(Tool, ThatFloodsIsKilled) {
  EXPECT_EQ(run_script("while :; do echo flood; done").end, ToolEnd::too_much);
}

TEST(Tool, ThatFloodsItsComplaintIsQuotedInPart) {
  const auto run = run_script("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1");
  EXPECT_EQ(run.end, ToolEnd::failed);
  EXPECT_EQ(run.complaint, std::string(400, 'x'));
  EXPECT_EQ(run_script("while :; do echo flood; done >&2", {}, k_brief).end, ToolEnd::too_slow);
}

TEST(Tool, HasTheEnvironmentItIsGivenAndNoOther) {
  ::setenv("FOB_TEST_VARIABLE", "ours", 1);
  const auto run = run_tool({"/usr/bin/env", {"ONE=1", "TWO=a b"}, k_ample}, {"-0"}, {}, 4096);
  EXPECT_EQ(run.end, ToolEnd::done);
  EXPECT_EQ(run.output.reveal(), std::string_view("ONE=1\0TWO=a b\0", 14));
}

TEST(Tool, HasItsArgumentsAsTheyAre) {
  const auto run = run_tool({"/bin/echo", {}, k_ample}, {"$HOME;", "`id`", "* "}, {}, 4096);
  EXPECT_EQ(run.output.reveal(), "$HOME; `id` * \n");
}

TEST(Tool, HasThreeDescriptorsAndNoneOfOurs) {
  const int ours = ::fcntl(STDOUT_FILENO, F_DUPFD, 50);  // not close-on-exec
  ASSERT_GE(ours, 50);
  const auto run =
      run_script("[ -e /proc/self/fd/0 ] && [ ! -e /proc/self/fd/" + std::to_string(ours) + " ]");
  EXPECT_EQ(run.end, ToolEnd::done);
  ::close(ours);
}

TEST(Tool, HasNoSignalIgnoredOrBlocked) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t term, before;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, &before);
  EXPECT_EQ(run_script("kill -PIPE $$; exit 0").complaint, "sh was killed by signal 13");
  EXPECT_EQ(run_script("kill -TERM $$; exit 0").complaint, "sh was killed by signal 15");
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
}

TEST(Tool, LeavesNoDescriptorAndNoProcessBehind) {
  const int before = ::dup(STDIN_FILENO);
  ::close(before);
  for (const std::string script : {"true", "exit 1", "while :; do echo flood; done"}) run_script(script);
  run_tool({"/nonexistent/tool", {}, k_ample}, {}, {}, 10);
  const int after = ::dup(STDIN_FILENO);
  ::close(after);
  EXPECT_EQ(after, before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left";
}

}  // namespace
}  // namespace fob::store
