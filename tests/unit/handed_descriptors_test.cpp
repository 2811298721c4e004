// Descriptors handed over by systemd: what the variables say, and that they are taken and forgotten.
#include "ipc/base/handed_descriptors.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using namespace fob;

using Names = std::vector<std::string>;

TEST(HandedDescriptors, AreNoneWhereNothingIsSaidOrItIsForAnother) {
  for (const auto& variables :
       {HandedVariables{}, HandedVariables{"42", {}, {}}, HandedVariables{{}, "1", {}},
        HandedVariables{"41", "1", "api"}, HandedVariables{"41", "nonsense", {}}}) {
    const auto names = names_of_handed(variables, 42);
    ASSERT_TRUE(names);
    EXPECT_TRUE(names->empty());
  }
}

TEST(HandedDescriptors, HaveTheNamesThatAreSaid) {
  EXPECT_EQ(names_of_handed({"42", "1", {}}, 42).value(), Names{"unknown"});
  EXPECT_EQ(names_of_handed({"42", "2", "apps:operators"}, 42).value(), (Names{"apps", "operators"}));
  EXPECT_EQ(names_of_handed({"42", "2", "apps:"}, 42).value(), (Names{"apps", ""}));
}

TEST(HandedDescriptors, AreNotGuessedWhereTheVariablesAreWrong) {
  for (const auto& variables :
       {HandedVariables{"", "1", {}}, HandedVariables{"42x", "1", {}}, HandedVariables{" 42", "1", {}},
        HandedVariables{"42", "", {}}, HandedVariables{"42", "0", {}}, HandedVariables{"42", "-1", {}},
        HandedVariables{"42", "5000", {}}, HandedVariables{"42", "99999999999999", {}},
        HandedVariables{"42", "1", "apps:operators"}, HandedVariables{"42", "2", "apps"}}) {
    const auto names = names_of_handed(variables, 42);
    ASSERT_FALSE(names);
    EXPECT_EQ(names.error().code, ErrorCode::config);
  }
}

int unix_socket(bool listening) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un nameless{};  // the kernel chooses an abstract name (unix(7))
  nameless.sun_family = AF_UNIX;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&nameless), sizeof(sa_family_t)) != 0) return -1;
  if (listening && ::listen(fd, 1) != 0) return -1;
  return fd;
}

// What systemd does between fork and exec. In a child of the test, whose descriptors 3 and 4 are its own.
void hand_over(int count, const char* names) {
  ::dup2(unix_socket(true), 3);
  ::dup2(unix_socket(false), 4);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names, 1);
}

[[noreturn]] void end(bool well) { std::_Exit(well ? 0 : 1); }

void take_two() {
  hand_over(2, "apps:other");
  const auto handed = take_handed_descriptors();
  if (!handed || handed->size() != 2) end(false);
  const auto& first = handed->at(0);
  const auto& second = handed->at(1);
  end(first.fd.get() == 3 && first.name == "apps" && second.fd.get() == 4 && second.name == "other" &&
      ::fcntl(3, F_GETFD) == FD_CLOEXEC && ::fcntl(4, F_GETFD) == FD_CLOEXEC && check_listening(first) &&
      !check_listening(second));
}

void take_twice() {
  hand_over(1, "apps");
  const auto first = take_handed_descriptors();
  const auto second = take_handed_descriptors();
  end(first && first->size() == 1 && second && second->empty() && std::getenv("LISTEN_PID") == nullptr &&
      std::getenv("LISTEN_FDS") == nullptr && std::getenv("LISTEN_FDNAMES") == nullptr);
}

void take_what_is_not_there() {
  hand_over(3, "a:b:c");
  ::close(5);
  const auto handed = take_handed_descriptors();
  end(!handed && handed.error().code == ErrorCode::config && std::getenv("LISTEN_FDS") == nullptr);
}

TEST(HandedDescriptorsDeathTest, AreTakenWithTheirNamesAndClosedOnExec) {
  EXPECT_EXIT(take_two(), testing::ExitedWithCode(0), "");
}

TEST(HandedDescriptorsDeathTest, AreForgottenOnceTaken) {
  EXPECT_EXIT(take_twice(), testing::ExitedWithCode(0), "");
}

TEST(HandedDescriptorsDeathTest, ThatAreNotOpenAreAFailedStart) {
  EXPECT_EXIT(take_what_is_not_there(), testing::ExitedWithCode(0), "");
}

TEST(HandedDescriptors, ThatDoNotListenAreRefused) {
  const auto listens = [](int fd) { return check_listening({UniqueFd(fd), "fd"}).has_value(); };
  EXPECT_TRUE(listens(unix_socket(true)));
  EXPECT_FALSE(listens(unix_socket(false)));
  EXPECT_FALSE(listens(::open("/dev/null", O_RDWR)));
  EXPECT_FALSE(listens(::socket(AF_UNIX, SOCK_DGRAM, 0)));
}

}  // namespace
