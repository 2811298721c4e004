// Users by name and number, and where a Unix socket is.
#include "ipc/base/unix_address.hpp"
#include "ipc/base/users.hpp"

#include <gtest/gtest.h>

namespace fob {
namespace {

TEST(Users, AreNamedByNameOrByNumber) {
  EXPECT_EQ(user_named("root"), 0U);
  EXPECT_EQ(user_named("4711"), 4711U);
  for (const std::string nobody : {"4711x", "", "nobody-is-called-so", "-1", "4294967296"})
    EXPECT_FALSE(user_named(nobody)) << nobody;
  EXPECT_EQ(name_of_user(0), "root");
  EXPECT_FALSE(name_of_user(4'000'000'000));
}

TEST(UnixAddress, TakesAPathOfTheLongestSizeAndNoLongerOne) {
  const std::string longest(k_max_socket_path, 'x');
  const auto address = unix_address(longest);
  ASSERT_TRUE(address);
  EXPECT_STREQ(address->sun_path, longest.c_str());
  EXPECT_EQ(address->sun_family, AF_UNIX);
  EXPECT_FALSE(unix_address(longest + "x"));
  EXPECT_EQ(errno, ENAMETOOLONG);
}

}  // namespace
}  // namespace fob
