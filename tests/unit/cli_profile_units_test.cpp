// What systemd is asked for, with a script that notes it in systemctl's place.
#include "daemon/cli/profile_units.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::cli {
namespace {

using config::StoreKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProfileUnitsTest : public testing::Test {
 protected:
  // `script` is what systemctl does after it has noted what it was asked for.
  ProfileUnits units(const std::string& script = "", bool here = true) {
    const auto program = directory_.path() / "systemctl";
    EXPECT_TRUE(replace_file(program, "#!/bin/sh\necho \"$@\" >> " + asked_.string() + "\n" + script + "\n",
                             0700, ErrorCode::store));
    return {here,
            {program, {}, std::chrono::seconds(60)},
            [this](const std::string& message) { said_.push_back(message); },
            directory_.path() / "settings"};
  }
  std::string asked() const {
    const auto text = read_file(asked_, 10000, ErrorCode::store);
    return text ? *text : "";
  }

  test::TempDirectory directory_;
  std::filesystem::path asked_ = directory_.path() / "asked";
  std::vector<std::string> said_;
};

TEST_F(ProfileUnitsTest, AStoredCredentialHasItsSocketEnabledAndNoExchangerWithAnOlderOne) {
  units("[ $1 != is-enabled ]").follow("prod", StoreKind::systemd_creds);
  EXPECT_EQ(asked(),
            "is-enabled --quiet fob-exchange@prod.socket\n"
            "--no-ask-password --quiet enable --now fob-exchange@prod.socket\n"
            "--no-ask-password --quiet stop fob-exchange@prod.service\n");
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ProfileUnitsTest, EachProfilesExchangerHasAUserOfItsOwnAsLongAsItIsNeeded) {
  const auto drop_in = [this](const std::string& profile) {
    return directory_.path() / "settings" / ("fob-exchange@" + profile + ".service.d") / "50-user.conf";
  };
  std::vector<std::string> texts;
  for (const std::string profile : {"prod", "a.name.that-is_longer.than-any.user-may.have-0123456789"}) {
    units().follow(profile, StoreKind::systemd_creds);
    const auto text = read_file(drop_in(profile), 1000, ErrorCode::store);
    ASSERT_TRUE(text) << text.error().detail;
    EXPECT_THAT(*text, ::testing::ContainsRegex("\\[Service\\]\nUser=fob-x-[0-9a-f]{8}\n$"));
    texts.push_back(*text);
  }
  EXPECT_NE(texts[0], texts[1]);
  units().follow("prod", std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(drop_in("prod").parent_path()));
}

TEST_F(ProfileUnitsTest, AnEnabledSocketIsLeftAsItIs) {
  units().follow("prod", StoreKind::systemd_creds);
  std::filesystem::remove(asked_);
  units().follow("prod", StoreKind::systemd_creds);
  EXPECT_EQ(asked(),
            "is-enabled --quiet fob-exchange@prod.socket\n"
            "is-active --quiet fob-exchange@prod.socket\n"
            "--no-ask-password --quiet stop fob-exchange@prod.service\n");
}

TEST_F(ProfileUnitsTest, AnEnabledSocketThatIsDownIsStarted) {
  units("[ $1 != is-active ]").follow("prod", StoreKind::systemd_creds);
  EXPECT_THAT(asked(), HasSubstr("enable --now fob-exchange@prod.socket\n"));
}

TEST_F(ProfileUnitsTest, TheLastCredentialTakesItsSocketWithIt) {
  units().follow("prod", std::nullopt);
  EXPECT_EQ(asked(),
            "--no-ask-password --quiet disable --now fob-exchange@prod.socket\n"
            "--no-ask-password --quiet stop fob-exchange@prod.service\n");
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ProfileUnitsTest, AProfileThatUnitsCannotReadIsWarnedOf) {
  units().follow("prod", StoreKind::file);
  EXPECT_THAT(asked(), HasSubstr("disable --now"));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("fob credential migrate prod --to systemd-creds")));
}

TEST_F(ProfileUnitsTest, WhatSystemdRefusesIsAWarningWithTheCommand) {
  units("[ $1 = is-enabled ] || echo 'Unit is masked.' >&2; exit 1").follow("prod", StoreKind::systemd_creds);
  EXPECT_THAT(
      said_,
      ElementsAre("warning: `systemctl enable --now fob-exchange@prod.socket` failed (Unit is masked.); the "
                  "credential is stored all the same; run: systemctl enable --now fob-exchange@prod.socket",
                  HasSubstr("run: systemctl stop fob-exchange@prod.service")));
}

TEST_F(ProfileUnitsTest, ElsewhereNothingIsEverDone) {
  const auto none = units("", false);
  none.follow("prod", StoreKind::systemd_creds);
  none.follow("prod", std::nullopt);
  EXPECT_EQ(asked(), "");
  EXPECT_TRUE(none.check({StoreKind::file, true, ""}));
}

TEST_F(ProfileUnitsTest, AStoreThatUnitsCannotReadIsAConfigurationError) {
  EXPECT_TRUE(units().check({StoreKind::systemd_creds, false, ""}));
  for (const auto kind : {StoreKind::file, StoreKind::secret_service}) {
    const auto checked = units().check({kind, true, ""});
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::config);
    EXPECT_THAT(checked.error().detail,
                HasSubstr("the units of the system installation read systemd-creds only; set store = "
                          "\"systemd-creds\" or leave it out"));
  }
}

}  // namespace
}  // namespace fob::cli
