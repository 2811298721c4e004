// The vault's key: which file it is in, in which forms, and that it is made once.
#include "daemon/store/vault_key.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <sys/stat.h>

namespace fob::store {
namespace {

namespace fs = std::filesystem;
using Origin = VaultKeyPlace::Origin;

constexpr std::string_view k_raw = "0123456789abcdefghijklmnopqrstuv";
constexpr std::string_view k_hex = "303132333435363738396162636465666768696a6b6c6d6e6f70717273747576";
constexpr std::string_view k_base64 = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";

void write(const fs::path& path, std::string_view content, mode_t mode = 0600) {
  fs::create_directories(path.parent_path());
  ::chmod(path.parent_path().c_str(), 0700);
  std::ofstream(path, std::ios::binary) << content;
  ::chmod(path.c_str(), mode);
}

config::Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(VaultKey, IsThirtyTwoBytesOrTheirHexOrTheirBase64) {
  for (const std::string& form : {std::string(k_raw), std::string(k_hex), std::string(k_hex) + "\n",
                                  std::string(k_base64), std::string(k_base64) + "\r\n"})
    EXPECT_EQ(decode_vault_key(form), SecretBytes::copy_of(k_raw)) << form;
}

TEST(VaultKey, IsNothingElse) {
  for (const std::string& form :
       {std::string(), std::string("short"), std::string(k_hex.substr(2)), std::string(k_hex) + "00",
        std::string(k_hex.substr(1)) + "x", std::string(33, 'a'), std::string(k_base64.substr(0, 40)),
        std::string("\n")})
    EXPECT_TRUE(decode_vault_key(form).empty()) << form;
}

TEST(VaultKey, ThatSystemdProvidesComesFirstThenTheConfiguredOne) {
  const test::TempDirectory directory;
  write(directory.path() / "credentials" / "fob-vault-key", k_raw);
  const auto with = environment({{"CREDENTIALS_DIRECTORY", directory.path() / "credentials"}});
  const auto without = environment({{"CREDENTIALS_DIRECTORY", directory.path() / "nothing-here"}});
  EXPECT_EQ(find_vault_key("/media/key", "/state", with).origin, Origin::systemd);
  EXPECT_EQ(find_vault_key("/media/key", "/state", with).file,
            directory.path() / "credentials/fob-vault-key");
  EXPECT_EQ(find_vault_key("/media/key", "/state", without).file, "/media/key");
  EXPECT_EQ(find_vault_key("/media/key", "/state", without).origin, Origin::configured);
  EXPECT_EQ(find_vault_key({}, "/state", without).file, "/state/keys/vault.key");
  EXPECT_EQ(find_vault_key({}, "/state", environment({})).origin, Origin::standard);
}

TEST(VaultKey, OfSystemdMayShowAnAclMaskAsGroupBits) {
  const test::TempDirectory directory;
  write(directory.path() / "c" / "fob-vault-key", k_raw, 0440);
  EXPECT_FALSE(read_vault_key({directory.path() / "c" / "fob-vault-key", Origin::systemd})->empty());
  EXPECT_FALSE(read_vault_key({directory.path() / "c" / "fob-vault-key", Origin::configured}));
  ::chmod((directory.path() / "c" / "fob-vault-key").c_str(), 0444);
  EXPECT_FALSE(read_vault_key({directory.path() / "c" / "fob-vault-key", Origin::systemd}));
}

TEST(VaultKey, ThatIsNotThereIsEmptyAndNoError) {
  const test::TempDirectory directory;
  EXPECT_TRUE(read_vault_key({directory.path() / "keys" / "vault.key", Origin::standard})->empty());
  EXPECT_TRUE(read_vault_key({directory.path() / "key", Origin::configured})->empty());
}

TEST(VaultKey, IsMadeOnceAndReadFromThenOn) {
  const test::TempDirectory directory;
  for (const auto origin : {Origin::standard, Origin::configured}) {
    const VaultKeyPlace place{directory.path() / std::to_string(static_cast<int>(origin)) / "vault.key",
                              origin};
    const auto first = create_vault_key(place);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->size(), 32U);
    EXPECT_EQ(create_vault_key(place).value(), *first);
    EXPECT_EQ(read_vault_key(place).value(), *first);
    EXPECT_EQ(fs::status(place.file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  }
}

TEST(VaultKey, MakingItRemovesWhatAnInterruptedMakingLeft) {
  const test::TempDirectory directory;
  write(directory.path() / "keys" / "vault.key.tmp77", "half");
  ASSERT_TRUE(create_vault_key({directory.path() / "keys" / "vault.key", Origin::standard}));
  EXPECT_FALSE(fs::exists(directory.path() / "keys" / "vault.key.tmp77"));
}

TEST(VaultKey, FileWithSomethingElseInItIsLeftAlone) {
  const test::TempDirectory directory;
  const VaultKeyPlace place{directory.path() / "keys" / "vault.key", Origin::standard};
  write(place.file, "not a key");
  const auto made = create_vault_key(place);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::store_locked);
  EXPECT_NE(made.error().detail.find("is not a vault key"), std::string::npos);
  write(place.file, std::string(5000, 'a'));
  EXPECT_FALSE(read_vault_key(place));
}

}  // namespace
}  // namespace fob::store
