// Which store the configuration means.
#include "daemon/store/open_store.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

namespace fob::store {
namespace {

TEST(OpenStore, IsTheFileVaultUnlessSaid) {
  const test::TempDirectory directory;
  const config::Locations locations{{}, {}, directory.path()};
  const test::ManualClock clock;
  for (const std::string text : {"", "[daemon]\nstore = \"file\"\n"}) {
    const auto store = open_store(config::parse(text, "fob.toml", "/").value(), locations, clock);
    ASSERT_TRUE(store);
    EXPECT_EQ((*store)->load("prod", wire::Slot::current).error().code, ErrorCode::no_credential);
  }
}

TEST(OpenStore, RefusesAStoreThatIsNotInThisBuildAndSaysWhatToSet) {
  const test::ManualClock clock;
  for (const auto kind : {config::StoreKind::systemd_creds, config::StoreKind::secret_service}) {
    // Set directly, since the configuration refuses such a store before it gets here.
    config::Config config;
    config.daemon.store = kind;
    const auto store = open_store(config, {}, clock);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::config);
    EXPECT_NE(store.error().detail.find("this build has the store \"file\" only"), std::string::npos);
    EXPECT_NE(store.error().detail.find(to_string(kind)), std::string::npos);
  }
}

TEST(OpenStore, UsesTheConfiguredKey) {
  const test::TempDirectory directory;
  const config::Locations locations{{}, {}, directory.path() / "state"};
  const test::ManualClock clock;
  const auto parsed = config::parse("[daemon]\nvault_key = \"medium/key\"\n", "fob.toml", directory.path());
  const auto store = open_store(parsed.value(), locations, clock);
  ASSERT_TRUE((*store)->stage("prod", {"id", SecretBytes::copy_of("secret")}));
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "medium/key"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "state/keys"));
}

}  // namespace
}  // namespace fob::store
