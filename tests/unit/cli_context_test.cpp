#include "daemon/cli/context.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace fob::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProfileChoice : public ::testing::Test {
 protected:
  void configure(const std::string& text) { std::ofstream(file_) << text; }
  Result<void> require(const std::string& name) {
    const auto config = config::load(file_);
    if (!config) return config.error();
    return require_profile(*config, file_, name);
  }
  Result<std::string> choose(const std::optional<std::string>& named) {
    return choose_profile(named, Context{{file_.string(), "", ""}, clock_});
  }

  test::TempDirectory directory_;
  test::ManualClock clock_;
  const std::filesystem::path file_ = directory_.path() / "fob.toml";
};

TEST_F(ProfileChoice, AConfiguredProfileIsFine) {
  configure("[profile.prod]\n");
  EXPECT_TRUE(require("prod"));
}

TEST_F(ProfileChoice, AnUnknownOneIsAnsweredWithTheNearestTheKnownAndTheMend) {
  configure("[profile.prod-query]\n[profile.staging]\n");
  const auto required = require("prod-qurey");
  ASSERT_FALSE(required);
  EXPECT_EQ(required.error().code, ErrorCode::unknown_profile);
  EXPECT_EQ(required.error().detail,
            file_.string() +
                " has no profile 'prod-qurey', did you mean 'prod-query'; it has prod-query, staging. "
                "To have it, add [profile.prod-qurey] with its authority and scopes there");
}

TEST_F(ProfileChoice, NothingNearMeansNoGuess) {
  configure("[profile.prod-query]\n");
  EXPECT_THAT(require("xr").error().detail, Not(HasSubstr("did you mean")));
}

TEST_F(ProfileChoice, AnEmptyConfigurationSaysSo) {
  configure("");
  EXPECT_THAT(require("prod").error().detail, HasSubstr("it has none yet"));
  EXPECT_EQ(choose(std::nullopt).error().code, ErrorCode::config);
}

TEST_F(ProfileChoice, WhatIsNoNameIsNotRepeated) {
  configure("[profile.prod]\n");
  const auto required = require("id:topsecret");
  ASSERT_FALSE(required);
  EXPECT_EQ(required.error().code, ErrorCode::usage);
  EXPECT_THAT(required.error().detail, Not(HasSubstr("topsecret")));
}

TEST_F(ProfileChoice, TheOneNamedNeedsNoConfiguration) {
  const auto chosen = choose("prod");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(*chosen, "prod");
}

TEST_F(ProfileChoice, LeftOutItIsTheDefault) {
  configure("[daemon]\ndefault_profile = \"b\"\n[profile.a]\n[profile.b]\n");
  EXPECT_EQ(choose(std::nullopt).value(), "b");
}

TEST_F(ProfileChoice, LeftOutItIsTheOnlyOne) {
  configure("[profile.a]\n");
  EXPECT_EQ(choose(std::nullopt).value(), "a");
}

TEST_F(ProfileChoice, LeftOutWithSeveralToChooseFromItIsAsked) {
  configure("[profile.a]\n[profile.b]\n");
  const auto chosen = choose(std::nullopt);
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, ErrorCode::usage);
  EXPECT_EQ(chosen.error().detail, "name one of the profiles: a, b");
}

TEST_F(ProfileChoice, WithoutAConfigurationItIsAskedToo) {
  const auto chosen = choose(std::nullopt);
  ASSERT_FALSE(chosen);
  EXPECT_THAT(chosen.error().detail, AllOf(HasSubstr("--config"), HasSubstr("or name the profile")));
}

}  // namespace
}  // namespace fob::cli
