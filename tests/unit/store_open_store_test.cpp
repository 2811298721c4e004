// Which store the configuration means, and that it is opened where it says.
#include "daemon/store/open_store.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <map>

namespace fob::store {
namespace {

using config::StoreKind;
using config::StoreOffers;

const config::StoreChoice k_file{StoreKind::file, true, ""};

TEST(OpenStore, TouchesNothingUntilItIsUsed) {
  const test::TempDirectory directory;
  const config::Locations locations{{}, {}, directory.path() / "state"};
  const test::ManualClock clock;
  const auto store = open_store({}, locations, k_file, clock);
  EXPECT_EQ(store->load("prod", wire::Slot::current).error().code, ErrorCode::no_credential);
  EXPECT_FALSE(std::filesystem::exists(locations.state_dir));
}

TEST(OpenStore, UsesTheConfiguredKey) {
  const test::TempDirectory directory;
  const config::Locations locations{{}, {}, directory.path() / "state"};
  const test::ManualClock clock;
  const auto parsed = config::parse("[daemon]\nvault_key = \"medium/key\"\n", "fob.toml", directory.path());
  const auto store = open_store(parsed.value(), locations, k_file, clock);
  ASSERT_TRUE(store->stage("prod", {"id", SecretBytes::copy_of("secret")}, {}));
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "medium/key"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "state/keys"));
}

TEST(StoreChoice, IsTheConfiguredOneWhateverTheDeviceOffers) {
  for (const auto* name : {"systemd-creds", "secret-service", "file"}) {
    const auto config = config::parse("[daemon]\nstore = \"" + std::string(name) + "\"\n", "fob.toml", "/");
    const auto choice = config::choose_store(config.value(), {true, true});
    EXPECT_EQ(to_string(choice.kind), name);
    EXPECT_TRUE(choice.configured);
  }
}

TEST(StoreChoice, IsTheBestThatTheDeviceOffersAndSaysWhy) {
  const auto chosen = [](StoreOffers offers) { return config::choose_store({}, offers); };
  EXPECT_EQ(chosen({true, true}).kind, StoreKind::systemd_creds);
  EXPECT_EQ(chosen({false, true}).kind, StoreKind::secret_service);
  EXPECT_EQ(chosen({false, false}).kind, StoreKind::file);
  for (const StoreOffers offers : {StoreOffers{true, true}, {false, true}, {false, false}}) {
    EXPECT_FALSE(chosen(offers).configured);
    EXPECT_FALSE(chosen(offers).why.empty());
  }
}

TEST(StoreChoice, SeesAKeyringOnlyInASessionThatHasABusAndAService) {
  const test::TempDirectory directory;
  std::map<std::string, std::string> variables;
  const auto keyring = [&](const std::filesystem::path& state) {
    const auto environment = [&](const char* name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    return config::look_for_stores({{}, {}, state}, environment).keyring;
  };
  variables["XDG_DATA_DIRS"] = "/nowhere:" + directory.path().string();
  EXPECT_FALSE(keyring("/home/xr/state"));
  std::filesystem::create_directories(directory.path() / "dbus-1/services/org.freedesktop.secrets.service");
  EXPECT_FALSE(keyring("/home/xr/state")) << "no bus";
  variables["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/run/user/1000/bus";
  EXPECT_TRUE(keyring("/home/xr/state"));
  EXPECT_FALSE(keyring("/var/lib/fob")) << "the system's installation belongs to no session";
}

}  // namespace
}  // namespace fob::store
