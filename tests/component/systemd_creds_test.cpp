// The store of systemd-creds with the real program and a host key of the test's own; with a TPM in software
// (swtpm); and with programs in its place that hang, flood or lie. No test touches the machine's own key.
#include "daemon/store/systemd_creds.hpp"

#include "daemon/store/record_text.hpp"
#include "ipc/base/unique_fd.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::store {
namespace {

namespace fs = std::filesystem;
using wire::Slot;

constexpr const char* k_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
constexpr const char* k_secret = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, std::string_view content, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  ::chmod(path.c_str(), mode);
}

mode_t mode_of(const fs::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777U : 0;
}

Record record_with(std::string_view secret, std::uint64_t version = 1) {
  Record record{version, 7, {}};
  record.slots.emplace(Slot::current, KeptCredential{{k_id, SecretBytes::copy_of(secret)},
                                                     version,
                                                     WallTime(std::chrono::milliseconds(1234)),
                                                     {true, 7}});
  return record;
}

std::string base64_with(std::string text, std::size_t at) {
  text[at] = text[at] == 'A' ? 'B' : 'A';
  return text;
}

class SystemdCreds : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/systemd-creds", X_OK) != 0) GTEST_SKIP() << "there is no systemd-creds";
  }

  SystemdCredsSetup setup() const {
    SystemdCredsSetup made;
    made.vault = vault_;
    made.key = SealingKey::host;
    made.environment = {"SYSTEMD_CREDENTIAL_SECRET=" + host_key_.string()};
    return made;
  }
  SystemdCredsRecords records() const { return SystemdCredsRecords(setup()); }
  /// A program in the place of systemd-creds: a script of the shell's.
  SystemdCredsRecords records_by(const std::string& script) const {
    auto changed = setup();
    changed.program = directory_.path() / "stand-in";
    write(changed.program, "#!/bin/sh\n" + script + "\n", 0700);
    return SystemdCredsRecords(changed);
  }
  fs::path file(const std::string& profile) const { return vault_ / (profile + ".cred"); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(vault_), {}));
  }

  static std::string secret_in(RecordStore&& store, const std::string& profile) {
    const auto read = store.read(profile);
    if (!read) return read.error().detail;
    return *read ? std::string((*read)->slots.at(Slot::current).credential.secret.reveal()) : "no record";
  }
  template <class T>
  static void expect_failure(const Result<T>& result, ErrorCode code, const std::vector<std::string>& words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    for (const auto& word : words)
      EXPECT_NE(result.error().detail.find(word), std::string::npos) << result.error().detail;
    EXPECT_EQ(result.error().detail.find(k_secret), std::string::npos);
  }

  test::TempDirectory directory_;
  fs::path vault_ = directory_.path() / "state" / "vault";
  fs::path host_key_ = directory_.path() / "host-key";
};

TEST_F(SystemdCreds, GivesBackWhatWasPutThere) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret, 3)));
  const auto read = records().read("prod");
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->counter, 3U);
  EXPECT_EQ((*read)->bundle_serial, 7U);
  const auto& kept = (*read)->slots.at(Slot::current);
  EXPECT_EQ(kept.credential.client_id, k_id);
  EXPECT_EQ(kept.credential.secret, SecretBytes::copy_of(k_secret));
  EXPECT_EQ(kept.version, 3U);
  EXPECT_EQ(kept.stored_at, WallTime(std::chrono::milliseconds(1234)));
  EXPECT_TRUE(kept.origin.untested);
  EXPECT_EQ(kept.origin.bundle_serial, 7U);
  EXPECT_EQ(records().kind(), config::StoreKind::systemd_creds);
}

TEST_F(SystemdCreds, WithoutARecordThereIsNothing) {
  EXPECT_EQ(secret_in(records(), "prod"), "no record");
  EXPECT_TRUE(records().profiles()->empty());
  ASSERT_TRUE(records().replace("other", record_with(k_secret)));
  EXPECT_EQ(secret_in(records(), "prod"), "no record");
}

TEST_F(SystemdCreds, ReplacesAndErases) {
  ASSERT_TRUE(records().replace("prod", record_with("old")));
  ASSERT_TRUE(records().replace("prod", record_with("new", 2)));
  EXPECT_EQ(secret_in(records(), "prod"), "new");
  EXPECT_EQ(files(), 1U);
  ASSERT_TRUE(records().erase("prod"));
  EXPECT_EQ(secret_in(records(), "prod"), "no record");
  ASSERT_TRUE(records().erase("prod")) << "there is none any more";
}

TEST_F(SystemdCreds, ListsItsProfilesInOrder) {
  for (const std::string profile : {"staging", "prod-query", "a.b_c"})
    ASSERT_TRUE(records().replace(profile, record_with(k_secret)));
  write(file("damaged"), "not a blob");
  write(file("prod.cred.tmp17"), "half a blob");
  write(vault_ / "prod.vault", "another store's");
  write(vault_ / "half.cred.tmp4711", "half a blob");
  EXPECT_EQ(records().profiles().value(),
            (std::vector<std::string>{"a.b_c", "damaged", "prod-query", "prod.cred.tmp17", "staging"}));
}

TEST_F(SystemdCreds, TheLongestRecordFits) {
  auto record = record_with(std::string(k_max_credential_value, '"'), 3);
  for (const auto slot : {Slot::next, Slot::previous})
    record.slots.emplace(slot,
                         KeptCredential{{std::string(k_max_credential_value, '\\'),
                                         SecretBytes::copy_of(std::string(k_max_credential_value, '"'))},
                                        2,
                                        {},
                                        {}});
  ASSERT_TRUE(records().replace("prod", record));
  EXPECT_EQ(secret_in(records(), "prod"), std::string(k_max_credential_value, '"'));
}

TEST_F(SystemdCreds, KeepsItsFilesFromOthers) {
  ::umask(0);
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  EXPECT_EQ(mode_of(vault_), 0700U);
  EXPECT_EQ(mode_of(file("prod")), 0600U);
}

TEST_F(SystemdCreds, NoFileHoldsTheCredentialInClear) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  ASSERT_TRUE(records().replace("prod", record_with(k_secret, 2)));
  for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(content_of(entry.path()).find(k_id), std::string::npos) << entry.path();
    EXPECT_EQ(content_of(entry.path()).find(std::string(k_secret, 16)), std::string::npos) << entry.path();
  }
}

TEST_F(SystemdCreds, TheProgramSeesNoSecretInArgumentsOrEnvironmentAndNothingOfOurs) {
  ::setenv("FOB_TEST_VARIABLE", "ours", 1);
  const auto log = directory_.path() / "log";
  auto watched = records_by("{ printf '%s\\n' \"$0\" \"$@\"; tr '\\0' '\\n' </proc/$$/environ; } >>" +
                            log.string() + "\nexec /usr/bin/systemd-creds \"$@\"");
  ASSERT_TRUE(watched.replace("prod", record_with(k_secret)));
  EXPECT_EQ(secret_in(std::move(watched), "prod"), k_secret);
  const auto seen = content_of(log);
  EXPECT_NE(seen.find("\nencrypt\n--name=fob-prod\n--with-key=host\n-\n-\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("\ndecrypt\n--name=fob-prod\n-\n-\n"), std::string::npos) << seen;
  EXPECT_EQ(seen.find(std::string(k_secret, 16)), std::string::npos) << seen;
  EXPECT_EQ(seen.find(k_id), std::string::npos) << seen;
  EXPECT_EQ(seen.find("FOB_TEST_VARIABLE"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("PATH="), std::string::npos) << seen;
}

TEST_F(SystemdCreds, ANameThatIsNoProfileNameLeadsNowhere) {
  for (const std::string name : {"", "../prod", "a/b", ".hidden", "a b"}) {
    EXPECT_EQ(records().read(name).error().code, ErrorCode::store) << name;
    EXPECT_EQ(records().replace(name, record_with(k_secret)).error().code, ErrorCode::store) << name;
    EXPECT_EQ(records().erase(name).error().code, ErrorCode::store) << name;
  }
  EXPECT_FALSE(fs::exists(vault_));
}

TEST_F(SystemdCreds, RefusesWhatIsNoCredential) {
  EXPECT_EQ(records().replace("prod", record_with("")).error().code, ErrorCode::store);
  EXPECT_FALSE(fs::exists(file("prod")));
}

// What somebody else did to the files.

TEST_F(SystemdCreds, AFileMovedToAnotherProfileIsRefused) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  fs::rename(file("prod"), file("staging"));
  expect_failure(
      records().read("staging"), ErrorCode::store_damaged,
      {file("staging").string() + " cannot be decrypted on this device: it was written for another profile",
       "fob credential remove staging && fob credential add staging"});
}

TEST_F(SystemdCreds, AnAlteredFileIsRefused) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  const auto whole = content_of(file("prod"));
  const std::vector<std::string> altered = {"",
                                            "{}",
                                            whole.substr(0, whole.size() / 2),
                                            base64_with(whole, 3),
                                            base64_with(whole, whole.size() / 2),
                                            base64_with(whole, whole.size() - 5),
                                            whole + whole};
  for (const auto& content : altered) {
    write(file("prod"), content);
    expect_failure(records().read("prod"), ErrorCode::store_damaged,
                   {file("prod").string(), "fob credential remove prod && fob credential add prod"});
  }
  write(file("prod"), std::string(1'000'000, 'A'));
  expect_failure(records().read("prod"), ErrorCode::store_damaged, {file("prod").string(), "larger than"});
}

TEST_F(SystemdCreds, ABlobOfSomethingElseIsRefused) {
  const auto seal = [&](const std::string& text) {
    const auto run = run_tool({"/usr/bin/systemd-creds", setup().environment, std::chrono::seconds(20)},
                              {"encrypt", "--name=fob-prod", "--with-key=host", "-", "-"}, text, 1'000'000);
    fs::create_directories(vault_);
    ::chmod(vault_.c_str(), 0700);
    write(file("prod"), run.output.reveal());
  };
  seal("not a record");
  expect_failure(records().read("prod"), ErrorCode::store_damaged,
                 {file("prod").string() + " cannot be used: it is not whole", "enrol again"});
  seal(std::string(k_max_record_text + 1, 'x'));
  expect_failure(records().read("prod"), ErrorCode::store_locked, {file("prod").string(), "bytes allowed"});
}

TEST_F(SystemdCreds, AFileOfAnotherDeviceIsRefusedWithTheMend) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  fs::remove(host_key_);
  expect_failure(records().read("prod"), ErrorCode::store_locked,
                 {file("prod").string() + " cannot be decrypted on this device: the host key is gone",
                  "if it is gone for good, enrol again: fob credential remove prod --force && fob credential "
                  "add prod"});
  ASSERT_TRUE(records().replace("other", record_with(k_secret))) << "which makes a key";
  expect_failure(records().read("prod"), ErrorCode::store_damaged,
                 {"another host key encrypted it", "fob credential remove prod && fob credential add prod"});
}

TEST_F(SystemdCreds, WhatIsOpenToOthersIsRefusedWithTheMend) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  ::chmod(file("prod").c_str(), 0640);
  expect_failure(records().read("prod"), ErrorCode::store_locked,
                 {"run: chmod 600 " + file("prod").string()});
  ::chmod(vault_.c_str(), 0755);
  expect_failure(records().read("prod"), ErrorCode::store_locked, {"run: chmod 700 " + vault_.string()});
  expect_failure(records().replace("prod", record_with("new")), ErrorCode::store_locked, {"run: chmod 700"});
}

TEST_F(SystemdCreds, ALinkOrAPipeInAFilesPlaceIsRefusedWithoutWaiting) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  fs::rename(file("prod"), directory_.path() / "elsewhere");
  fs::create_symlink(directory_.path() / "elsewhere", file("prod"));
  expect_failure(records().read("prod"), ErrorCode::store_locked, {"is a symbolic link"});
  fs::remove(file("prod"));
  ASSERT_EQ(::mkfifo(file("prod").c_str(), 0600), 0);
  expect_failure(records().read("prod"), ErrorCode::store_locked, {"is not a regular file"});
}

TEST_F(SystemdCreds, ADamagedFileCanBeErasedAndReplaced) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  write(file("prod"), "damaged");
  ASSERT_TRUE(records().erase("prod"));
  ASSERT_TRUE(records().replace("prod", record_with("new")));
  EXPECT_EQ(secret_in(records(), "prod"), "new");
}

// What systemd hands to a service.

class HandedOver : public SystemdCreds {
 protected:
  SystemdCredsRecords service() const {
    auto changed = setup();
    changed.credentials = credentials_;
    return SystemdCredsRecords(changed);
  }
  void hand_over(const std::string& profile, std::string_view secret, mode_t mode = 0400) {
    fs::create_directory(credentials_);
    const auto text = encode_record(record_with(secret), profile);
    ASSERT_TRUE(text);
    write(credentials_ / ("fob-" + profile), text->reveal(), mode);
  }
  fs::path credentials_ = directory_.path() / "credentials";
};

TEST_F(HandedOver, IsReadAndNothingElseIsLookedAt) {
  hand_over("prod", "handed-over");
  EXPECT_EQ(secret_in(service(), "prod"), "handed-over") << "without a vault";
  EXPECT_TRUE(service().is_handed("prod"));
  ASSERT_TRUE(records().replace("prod", record_with("in-the-vault")));
  EXPECT_EQ(secret_in(service(), "prod"), "handed-over");
  fs::remove(host_key_);
  EXPECT_EQ(secret_in(service(), "prod"), "handed-over");
}

TEST_F(HandedOver, MayHaveItsGroupReadAsWhereSystemdGrantsByAcl) {
  hand_over("prod", "handed-over", 0440);
  EXPECT_EQ(secret_in(service(), "prod"), "handed-over");
}

TEST_F(HandedOver, LeavesOtherProfilesToTheVault) {
  ASSERT_TRUE(records().replace("prod", record_with("in-the-vault")));
  EXPECT_EQ(secret_in(service(), "prod"), "in-the-vault") << "there is no such directory";
  EXPECT_FALSE(service().is_handed("prod"));
  hand_over("other", "handed-over");
  EXPECT_EQ(secret_in(service(), "prod"), "in-the-vault");
  EXPECT_FALSE(service().is_handed("prod") || service().is_handed("../fob-other") ||
               records().is_handed("other"));
}

TEST_F(HandedOver, IsRefusedWhereItCannotBeUsed) {
  ASSERT_TRUE(records().replace("prod", record_with("in-the-vault")));
  hand_over("prod", "handed-over", 0444);
  expect_failure(service().read("prod"), ErrorCode::store_locked, {"fob-prod is open to other users"});
  fs::remove(credentials_ / "fob-prod");
  for (const auto& [content, reason] : {std::pair<std::string, std::string>{"", "it is not whole"},
                                        {"{}", "it is not a record of this version of fob"},
                                        {std::string(k_max_record_text + 1, ' '), "is larger than"}}) {
    write(credentials_ / "fob-prod", content, 0400);
    const auto code = reason == "is larger than" ? ErrorCode::store_locked : ErrorCode::store_damaged;
    expect_failure(service().read("prod"), code, {"credentials/fob-prod", reason});
    fs::remove(credentials_ / "fob-prod");
  }
  hand_over("other", "another");
  fs::rename(credentials_ / "fob-other", credentials_ / "fob-prod");
  expect_failure(service().read("prod"), ErrorCode::store_damaged, {"it was written for another profile"});
}

// A program that is not what it should be.

TEST_F(SystemdCreds, AProgramThatIsNotThereIsSaidToBe) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  auto changed = setup();
  changed.program = "/nonexistent/systemd-creds";
  SystemdCredsRecords without(changed);
  expect_failure(without.read("prod"), ErrorCode::store_locked,
                 {"/nonexistent/systemd-creds: No such file or directory", "install systemd 250 or newer"});
  expect_failure(without.replace("prod", record_with("new")), ErrorCode::store,
                 {"/nonexistent/systemd-creds", "nothing was changed", "install systemd 250 or newer"});
  changed.key = SealingKey::automatic;
  expect_failure(SystemdCredsRecords(changed).replace("prod", record_with("new")), ErrorCode::store,
                 {"/nonexistent/systemd-creds", "nothing was changed", "install systemd 250 or newer"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
}

TEST_F(SystemdCreds, AProgramThatIsTooOldIsSaidToBe) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  auto old = records_by("echo \"Unknown command verb $1.\" >&2; exit 1");
  expect_failure(old.read("prod"), ErrorCode::store_locked,
                 {"Unknown command verb decrypt", "it is too old"});
  expect_failure(old.replace("prod", record_with("new")), ErrorCode::store,
                 {"Unknown command verb encrypt", "it is too old"});
}

TEST_F(SystemdCreds, AProgramThatHangsIsKilledInTime) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  auto changed = setup();
  changed.program = directory_.path() / "hangs";
  changed.time_limit = std::chrono::milliseconds(200);
  write(changed.program, "#!/bin/sh\n/bin/sleep 1000\n", 0700);
  SystemdCredsRecords hanging(changed);
  expect_failure(hanging.read("prod"), ErrorCode::store_locked,
                 {"did not end within 0.2 s and was killed", "see whether the TPM is busy or stuck"});
  expect_failure(hanging.replace("prod", record_with("new")), ErrorCode::store,
                 {"did not end within 0.2 s and was killed", "nothing was changed"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
}

TEST_F(SystemdCreds, AProgramThatFloodsIsKilled) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  auto flooding = records_by("while :; do echo flood; done");
  expect_failure(flooding.read("prod"), ErrorCode::store_locked, {"wrote more than the 73728 bytes allowed"});
  expect_failure(flooding.replace("prod", record_with("new")), ErrorCode::store, {"wrote more than"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
}

TEST_F(SystemdCreds, ABlobThatDoesNotOpenAgainReplacesNothing) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  auto closing = records_by("[ $1 = decrypt ] && exit 1\nexec /usr/bin/systemd-creds \"$@\"");
  expect_failure(closing.replace("prod", record_with("new")), ErrorCode::store,
                 {file("prod").string() + " was not written, since it could not be decrypted again",
                  "nothing was changed"});
  auto lying = records_by("[ $1 = decrypt ] && exec echo something else\nexec /usr/bin/systemd-creds \"$@\"");
  expect_failure(lying.replace("prod", record_with("new")), ErrorCode::store,
                 {"stand-in gave back something else", "nothing was changed"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
  EXPECT_EQ(files(), 1U);
}

TEST_F(SystemdCreds, TheKeyIsTheTpmsTooWhereTheMachineHasAllOfOne) {
  const auto key_where = [&](const std::string& answer) {
    auto changed = setup();
    changed.key = SealingKey::automatic;
    changed.program = directory_.path() / "watched";
    write(changed.program, "#!/bin/sh\n[ $1 = has-tpm2 ] && exit " + answer + "\necho \"$3\" >&2; exit 1\n",
          0700);
    return SystemdCredsRecords(changed).replace("prod", record_with(k_secret)).error().detail;
  };
  EXPECT_NE(key_where("0").find("--with-key=host+tpm2"), std::string::npos) << key_where("0");
  EXPECT_NE(key_where("11").find("--with-key=host;"), std::string::npos)
      << "part of one: " << key_where("11");
}

// Disks that are full or read-only, and users that are not root.

TEST_F(SystemdCreds, AFailedWriteChangesNothing) {
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit saved{};
  ::getrlimit(RLIMIT_FSIZE, &saved);
  const rlimit tiny{16, saved.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tiny);
  const auto replaced = records().replace("prod", record_with("new"));
  ::setrlimit(RLIMIT_FSIZE, &saved);
  expect_failure(replaced, ErrorCode::store, {"File too large"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
  EXPECT_EQ(files(), 1U);
}

// The vault as a file system of its own, which this process alone sees.
class SystemdCredsDisk : public SystemdCreds {
 protected:
  void SetUp() override {
    SystemdCreds::SetUp();
    if (IsSkipped()) return;
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      GTEST_SKIP() << "no file system can be mounted here: that takes root (CAP_SYS_ADMIN)";
    fs::create_directories(vault_);
    ASSERT_EQ(::mount("tmpfs", vault_.c_str(), "tmpfs", 0, "mode=0700,size=64k"), 0);
    ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  }
  void TearDown() override { ::umount2(vault_.c_str(), MNT_DETACH); }
};

TEST_F(SystemdCredsDisk, ThatIsFullKeepsWhatItHas) {
  {
    std::ofstream filler(vault_ / "filler");
    while (filler << std::string(4096, 'x') << std::flush) {
    }
  }
  expect_failure(records().replace("prod", record_with("new")), ErrorCode::store,
                 {file("prod").string(), "No space left on device"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
  EXPECT_EQ(files(), 2U);
}

TEST_F(SystemdCredsDisk, ThatIsReadOnlyCanStillBeRead) {
  ASSERT_EQ(::mount(nullptr, vault_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  for (const auto& changed : {records().replace("prod", record_with("new")), records().erase("prod")})
    expect_failure(changed, ErrorCode::store, {file("prod").string(), "Read-only file system"});
  EXPECT_EQ(secret_in(records(), "prod"), k_secret);
}

// What `action` says when nobody does it, without this test's rights.
std::string as_nobody(const std::function<std::string()>& action) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    std::string said = "the rights cannot be given up";
    if (::setgid(65534) == 0 && ::setuid(65534) == 0) said = action();
    const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(written > 0 ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said(4096, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(ends[0], said.data(), said.size()), 0)));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

TEST_F(SystemdCreds, WhoIsNotRootIsToldWhatToDo) {
  if (::geteuid() != 0) GTEST_SKIP() << "it takes root to become nobody";
  ASSERT_TRUE(records().replace("prod", record_with(k_secret)));
  ::chmod(directory_.path().c_str(), 0755);
  ::chmod(vault_.parent_path().c_str(), 0755);
  const auto read = [&] { return secret_in(records(), "prod"); };
  const std::string mend = "can be decrypted by root alone (";
  const std::string unit =
      "run this as root, or in a unit that has LoadCredentialEncrypted=fob-prod:" + file("prod").string();
  auto said = as_nobody(read);
  EXPECT_NE(said.find(mend + vault_.string() + ": Permission denied); " + unit), std::string::npos) << said;

  // And where the vault is this user's, but the host key is not.
  ASSERT_EQ(::chown(vault_.c_str(), 65534, 65534) + ::chown(file("prod").c_str(), 65534, 65534), 0);
  said = as_nobody(read);
  EXPECT_NE(said.find(mend + "Failed to determine local credential key"), std::string::npos) << said;
  EXPECT_NE(said.find(unit), std::string::npos) << said;
  said = as_nobody([&] { return records().replace("prod", record_with("new")).error().detail; });
  EXPECT_NE(said.find("nothing was changed; run this as root"), std::string::npos) << said;
}

// A TPM in software, on loopback; gone with this object, or with the test's process.
class Tpm {
 public:
  explicit Tpm(const fs::path& state) : state_(state) {
    fs::create_directory(state_);
    run({"/usr/bin/swtpm_setup", "--tpm2", "--tpmstate", state_.string(), "--pcr-banks", "sha256"});
    start();
  }
  Tpm(const Tpm&) = delete;
  Tpm& operator=(const Tpm&) = delete;
  ~Tpm() { stop(); }

  std::string device() const {
    return "SYSTEMD_TPM2_DEVICE=swtpm:host=127.0.0.1,port=" + std::to_string(port_);
  }
  void stop() {
    if (pid_ > 0) tell_to_shut_down();
    lose_power();
  }
  void lose_power() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// As when the device is switched off and on. It also frees the sessions that systemd 252 leaves open, of
  /// which a TPM has three; on a device the kernel's /dev/tpmrm0 sees to that.
  void restart() { stop(), start(); }
  /// On the same port, as the device's own TPM is always the same device.
  void start() {
    if (port_ == 0) port_ = free_pair_of_ports();
    pid_ = launch({"/usr/bin/swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state_.string(), "--server",
                   "type=tcp,disconnect,port=" + std::to_string(port_), "--ctrl",
                   "type=tcp,port=" + std::to_string(port_ + 1), "--flags", "not-need-init,startup-clear"});
    while (!listens(port_) || !listens(port_ + 1))
      if (::waitpid(pid_, nullptr, WNOHANG) != 0 || ::poll(nullptr, 0, 10) < 0)
        throw std::runtime_error("swtpm ended");
  }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  // TPM2_Shutdown(CLEAR). A TPM that loses power without it takes that for an attack and locks itself.
  void tell_to_shut_down() const {
    constexpr std::string_view k_command("\x80\x01\0\0\0\x0c\0\0\x01\x45\0\0", 12);
    const auto address = loopback(port_);
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::array<char, 10> answer{};
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::send(fd.get(), k_command.data(), k_command.size(), MSG_NOSIGNAL) < 0 ||
        ::recv(fd.get(), answer.data(), answer.size(), MSG_WAITALL) < 0)
      ADD_FAILURE() << "the TPM cannot be told to shut down";
  }
  // Told by a bind that fails, since a connection would be the one that swtpm serves.
  static bool listens(int port) {
    const auto address = loopback(port);
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
  }
  static int free_pair_of_ports() {
    // Tests run side by side, and their process ids are neighbours: each begins with a pair of its own.
    for (int port = 20000 + ::getpid() % 20000 * 2; port < 65000; port += 2)
      if (!listens(port) && !listens(port + 1)) return port;
    return 0;
  }
  static pid_t launch(std::vector<std::string> words) {
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::freopen("/dev/null", "w", stdout) == nullptr || ::freopen("/dev/null", "w", stderr) == nullptr)
        ::_exit(127);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    return pid;
  }
  static void run(std::vector<std::string> words) { ::waitpid(launch(std::move(words)), nullptr, 0); }

  fs::path state_;
  int port_ = 0;
  pid_t pid_ = -1;
};

class SystemdCredsTpm : public SystemdCreds {
 protected:
  void SetUp() override {
    SystemdCreds::SetUp();
    if (IsSkipped()) return;
    if (::access("/usr/bin/swtpm", X_OK) != 0 || ::access("/usr/bin/swtpm_setup", X_OK) != 0)
      GTEST_SKIP()
          << "there is no TPM: install swtpm, swtpm-tools, libtss2-esys, libtss2-rc and libtss2-tcti-swtpm";
    tpm_ = std::make_unique<Tpm>(directory_.path() / "tpm");
  }
  SystemdCredsRecords with(const Tpm& tpm, SealingKey key = SealingKey::host_tpm2) const {
    auto changed = setup();
    changed.key = key;
    changed.environment.push_back(tpm.device());
    return SystemdCredsRecords(changed);
  }
  std::unique_ptr<Tpm> tpm_;
};

TEST_F(SystemdCredsTpm, SealsAndOpens) {
  for (const auto key : {SealingKey::host_tpm2, SealingKey::tpm2}) {
    ASSERT_TRUE(with(*tpm_, key).replace("prod", record_with(k_secret)));
    tpm_->restart();
    EXPECT_EQ(secret_in(with(*tpm_), "prod"), k_secret);
    tpm_->restart();
  }
}

TEST_F(SystemdCredsTpm, ThatIsGoneIsSaidToBe) {
  ASSERT_TRUE(with(*tpm_).replace("prod", record_with(k_secret)));
  tpm_->stop();
  expect_failure(with(*tpm_).read("prod"), ErrorCode::store_locked,
                 {"cannot be decrypted on this device: the TPM does not answer (",
                  "if it is gone for good, enrol again: fob credential remove prod --force"});
  expect_failure(with(*tpm_).replace("prod", record_with("new")), ErrorCode::store,
                 {"the TPM does not answer", "nothing was changed"});
  tpm_->start();
  EXPECT_EQ(secret_in(with(*tpm_), "prod"), k_secret);
}

TEST_F(SystemdCredsTpm, ThatIsAnotherOneIsSaidToBe) {
  ASSERT_TRUE(with(*tpm_).replace("prod", record_with(k_secret)));
  const Tpm other(directory_.path() / "other");
  expect_failure(with(other).read("prod"), ErrorCode::store_damaged,
                 {"cannot be decrypted on this device: another TPM sealed it (",
                  "if the host key or the TPM was changed, enrol again: fob credential remove prod"});
}

TEST_F(SystemdCredsTpm, ThatHasLockedItselfIsSaidToHave) {
  // It bears a few losses of power in the middle of its work.
  auto replaced = with(*tpm_).replace("prod", record_with(k_secret));
  for (int loss = 0; replaced && loss < 10; ++loss) {
    tpm_->lose_power(), tpm_->start();
    replaced = with(*tpm_).replace("prod", record_with(k_secret));
  }
  expect_failure(replaced, ErrorCode::store,
                 {"the TPM has locked itself", "needs time", "nothing was changed"});
  expect_failure(with(*tpm_).read("prod"), ErrorCode::store_locked, {"the TPM has locked itself"});
}

TEST_F(SystemdCredsTpm, DoesNotOpenWithoutTheHostKeyThatWasUsedWithIt) {
  ASSERT_TRUE(with(*tpm_).replace("prod", record_with(k_secret)));
  tpm_->restart();
  fs::remove(host_key_);
  expect_failure(with(*tpm_).read("prod"), ErrorCode::store_locked, {"the host key is gone"});
  tpm_->restart();
  ASSERT_TRUE(with(*tpm_).replace("other", record_with(k_secret)));
  tpm_->restart();
  expect_failure(with(*tpm_).read("prod"), ErrorCode::store_damaged, {"another host key encrypted it"});
}

}  // namespace
}  // namespace fob::store
