// fobd's two sockets: made here, or handed over by systemd, which then must hand over both and nothing else.
#include "daemon/broker/listeners.hpp"

#include "ipc/transport/unix_listener.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;

class ListenersTest : public ::testing::Test {
 protected:
  config::Locations at() const {
    return {directory_.path() / "fob.toml", directory_.path() / "run", directory_.path()};
  }
  static HandedDescriptor handed(const std::filesystem::path& socket) {
    std::filesystem::create_directories(socket.parent_path());
    auto listener = transport::listen_at(socket, {0600, std::nullopt});
    return {std::move(listener.value()), "fob.socket"};
  }
  std::string refused(std::vector<HandedDescriptor> all) {
    const auto listeners = listen_for_both(at(), std::nullopt, std::move(all));
    EXPECT_FALSE(listeners);
    if (listeners) return "";
    EXPECT_EQ(listeners.error().code, ErrorCode::config);
    return listeners.error().detail;
  }
  static mode_t mode_of(const std::filesystem::path& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 0777U;
  }

  test::TempDirectory directory_;
};

TEST_F(ListenersTest, AreMadeForEveryoneAndForOperators) {
  const auto listeners = listen_for_both(at(), ::getegid(), {});
  ASSERT_TRUE(listeners);
  EXPECT_TRUE(listeners->lock);
  EXPECT_EQ(mode_of(at().app_socket()), 0666U);
  EXPECT_EQ(mode_of(at().control_socket()), 0660U);
  const std::string second = refused({});
  EXPECT_FALSE(second.empty()) << "one daemon to a directory";
  remove_sockets(at());
  EXPECT_FALSE(std::filesystem::exists(at().app_socket()));
  EXPECT_FALSE(std::filesystem::exists(at().control_socket()));
}

TEST_F(ListenersTest, WithoutAnAdminGroupAreForThisUserAlone) {
  ASSERT_TRUE(listen_for_both(at(), std::nullopt, {}));
  EXPECT_EQ(mode_of(at().control_socket()), 0600U);
}

TEST_F(ListenersTest, AreNotMadeWhereADirectoryCannotBe) {
  ASSERT_TRUE(::close(::creat(at().runtime_dir.c_str(), 0600)) == 0);
  EXPECT_FALSE(refused({}).empty());
}

TEST_F(ListenersTest, AreNotMadeInThePlaceOfWhatIsNoSocket) {
  std::filesystem::create_directories(at().control_socket());
  EXPECT_FALSE(refused({}).empty());
  std::filesystem::remove(at().control_socket());
  std::filesystem::remove(at().app_socket());
  std::filesystem::create_directories(at().app_socket());
  EXPECT_FALSE(refused({}).empty());
}

TEST_F(ListenersTest, ThatSystemdHandsOverAreTakenInAnyOrderWithoutALock) {
  std::vector<HandedDescriptor> both;
  both.push_back(handed(at().control_socket()));
  both.push_back(handed(at().app_socket()));
  const auto listeners = listen_for_both(at(), std::nullopt, std::move(both));
  ASSERT_TRUE(listeners) << listeners.error().detail;
  EXPECT_TRUE(listeners->apps && listeners->operators);
  EXPECT_FALSE(listeners->lock);
}

TEST_F(ListenersTest, ThatSystemdHandsOverMustBeBoth) {
  std::vector<HandedDescriptor> apps, operators;
  apps.push_back(handed(at().app_socket()));
  operators.push_back(handed(at().control_socket()));
  EXPECT_THAT(refused(std::move(apps)), HasSubstr("one of fobd's two sockets only"));
  EXPECT_THAT(refused(std::move(operators)), HasSubstr("one of fobd's two sockets only"));
}

TEST_F(ListenersTest, ThatSystemdHandsOverMustBeAtTheirPaths) {
  std::vector<HandedDescriptor> wrong;
  wrong.push_back(handed(directory_.path() / "elsewhere.sock"));
  EXPECT_THAT(refused(std::move(wrong)), HasSubstr("elsewhere.sock"));
}

TEST_F(ListenersTest, ThatSystemdHandsOverMustListenAndHaveAPath) {
  std::vector<HandedDescriptor> deaf, nameless;
  deaf.push_back({UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), "fob.socket"});
  EXPECT_FALSE(refused(std::move(deaf)).empty());
  UniqueFd unnamed(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr any{AF_UNIX, {}};
  ASSERT_EQ(::bind(unnamed.get(), &any, sizeof(sa_family_t)), 0) << "in the abstract namespace";
  ASSERT_EQ(::listen(unnamed.get(), 1), 0);
  nameless.push_back({std::move(unnamed), "fob.socket"});
  EXPECT_THAT(refused(std::move(nameless)), HasSubstr("a socket at \"\""));
}

}  // namespace
}  // namespace fob::broker
