// The unit of a process, from what the kernel says of its control group: systemd's rule, and nobody's tricks.
#include "daemon/core/cgroup_unit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::core {
namespace {

using ::testing::HasSubstr;

std::string unit(const std::string& path) {
  const auto found = unit_of_cgroup("0::" + path + "\n");
  return found ? *found : "none: " + found.error().detail;
}

TEST(CgroupUnit, OfASystemServiceIsItsName) {
  EXPECT_EQ(unit("/system.slice/localizer.service"), "localizer.service");
  EXPECT_EQ(unit("/localizer.service"), "localizer.service");
  EXPECT_EQ(unit("/xr.slice/xr-vision.slice/localizer.service"), "localizer.service");
  EXPECT_EQ(unit("/system.slice/system-getty.slice/getty@tty1.service"), "getty@tty1.service");
  EXPECT_EQ(unit("/init.scope"), "init.scope");
  EXPECT_EQ(unit("/user.slice/user-1000.slice/session-3.scope"), "session-3.scope");
}

TEST(CgroupUnit, BelowAServiceStaysThatService) {
  EXPECT_EQ(unit("/system.slice/evil.service/localizer.service"), "evil.service");
  EXPECT_EQ(unit("/system.slice/evil.service/system.slice/localizer.service"), "evil.service");
  EXPECT_EQ(unit("/system.slice/a.service/payload/b"), "a.service");
}

TEST(CgroupUnit, OfAUsersManagerHasTheManagersNameBeforeIt) {
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service/app.slice/app.service"),
            "user@1000.service/app.service");
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service/localizer.service"),
            "user@1000.service/localizer.service")
      << "never the system's of that name";
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service/init.scope"), "user@1000.service/init.scope");
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service/app.slice/a.service/b.service"),
            "user@1000.service/a.service");
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service"), "user@1000.service");
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service/odd/b.service"), "user@1000.service");
  EXPECT_EQ(unit("/user.slice/user-1000.slice/user@1000.service/user@0.service/x.service"),
            "user@1000.service/user@0.service");
}

TEST(CgroupUnit, IsNoneWhereSystemdDidNotSort) {
  for (const char* path : {"/", "", "/docker/0123/system.slice/localizer.service", "/a/localizer.service",
                           "/system.slice", "/system.slice/dbus.socket", "/system.slice/.service",
                           "/system.slice/@.service", "/system.slice/localizer.service (deleted)",
                           "/system.slice/a b.service", "/system.slice/x\xc3\xa9.service"})
    EXPECT_THAT(unit(path), HasSubstr("none: ")) << path;
}

TEST(CgroupUnit, IsNoneOutsideOfWhatCanBeSeen) {
  EXPECT_THAT(unit("/../system.slice/localizer.service"), HasSubstr("outside"));
  EXPECT_THAT(unit("/system.slice/localizer.service/.."), HasSubstr("outside"));
  EXPECT_THAT(unit("/../../x.service"), HasSubstr("outside"));
}

TEST(CgroupUnit, UndoesSystemdsUnderscoreBeforeNamesOfTheKernels) {
  EXPECT_EQ(unit("/system.slice/_cgroup.procs.service"), "cgroup.procs.service");
  EXPECT_EQ(unit("/_cpu.slice/x.service"), "x.service");
  EXPECT_EQ(unit("/system.slice/__x.service"), "_x.service");
}

TEST(CgroupUnit, IsReadFromTheHierarchyThatSystemdSortsIn) {
  EXPECT_EQ(
      *unit_of_cgroup("12:cpu,cpuacct:/system.slice/no.service\n1:name=systemd:/system.slice/a.service\n"),
      "a.service");
  EXPECT_EQ(*unit_of_cgroup("1:name=systemd:/system.slice/a.service\n0::/\n"), "a.service");
  EXPECT_EQ(*unit_of_cgroup("1:name=systemd:/\n0::/system.slice/b.service\n"), "b.service");
  EXPECT_EQ(*unit_of_cgroup("1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service"),
            "b.service");
  for (const char* text : {"", "\n", "0::", "0:", "junk", "9:name=other:/system.slice/a.service",
                           "10::/system.slice/a.service", "5:pids:/system.slice/a.service"})
    EXPECT_FALSE(unit_of_cgroup(text)) << text;
}

TEST(CgroupUnit, IsBounded) {
  EXPECT_FALSE(unit_of_cgroup("0::/" + std::string(k_max_cgroup_text, 'x') + ".service"));
  EXPECT_EQ(unit("/" + std::string(247, 'x') + ".service"), std::string(247, 'x') + ".service");
  EXPECT_THAT(unit("/" + std::string(248, 'x') + ".service"), HasSubstr("none"));
}

TEST(UnitOfGrant, IsTheManagersThatFobdBelongsTo) {
  EXPECT_EQ(*unit_of_grant("a.service", std::nullopt), "a.service");
  EXPECT_EQ(*unit_of_grant("a.service", "user@1000.service"), "user@1000.service/a.service");
  EXPECT_EQ(*unit_of_grant("user@7.service/a.scope", std::nullopt), "user@7.service/a.scope");
  EXPECT_EQ(*unit_of_grant("user@7.service/a.service", "user@1000.service"), "user@7.service/a.service");
  for (const char* odd :
       {"a", "a.slice", "a.service/b.service", "user@x.service/b.service", "/b.service", "a b.service", ""})
    EXPECT_FALSE(unit_of_grant(odd, std::nullopt)) << odd;
}

TEST(UserManager, IsThatOfAUsersUnit) {
  EXPECT_EQ(user_manager_of("user@1000.service/fobd.service"), "user@1000.service");
  EXPECT_EQ(user_manager_of("fobd.service"), std::nullopt);
  EXPECT_EQ(user_manager_of("user@.service/x.service"), std::nullopt);
}

TEST(UserManager, IsOnlyWhatIsCalledExactlySo) {
  EXPECT_EQ(user_manager_of("user@4294967295.service/app.service"), "user@4294967295.service");
  for (const char* other : {"user@.service", "user@abc.service", "user@12345678901.service",
                            "user@1000.scope", "user-1000.service", "app.service"})
    EXPECT_FALSE(user_manager_of(other)) << other;
}

TEST(CgroupUnit, IsReadFromTheFirstLineOfItsHierarchy) {
  EXPECT_EQ(*unit_of_cgroup("0::/a.service\n0::/b.service\n"), "a.service");
  EXPECT_EQ(*unit_of_cgroup("1:name=systemd:/a.service\n2:name=systemd:/b.service\n"), "a.service");
  EXPECT_EQ(*unit_of_cgroup("nonsense\n5:no-third-part\n0::/a.service"), "a.service");
}

}  // namespace
}  // namespace fob::core
