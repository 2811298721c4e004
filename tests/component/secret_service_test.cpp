// The secret-service store against a real gnome-keyring on a real bus of its own, and against buses and
// services that misbehave as no real one does on demand.
#include "daemon/store/secret_service.hpp"

#include "daemon/store/record_text.hpp"
#include "ipc/base/unique_fd.hpp"
#include "tests/support/keyring_session.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <utility>
#include <vector>

namespace fob::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::FakeService;
using test::KeyringSession;
using wire::Slot;

constexpr const char* k_state = "/nowhere/state of some one";
constexpr const char* k_or_file =
    ", or do without it: set store = \"file\" in [daemon], then fob credential remove PROFILE and add it "
    "again";
constexpr std::string_view k_secret = "5e884898da28047151d0e56f8dc6292773603d0d";

KeptCredential kept(const std::string& id, std::string_view secret, std::uint64_t version,
                    Origin origin = {}) {
  return {{id, SecretBytes::copy_of(secret)},
          version,
          WallTime(std::chrono::milliseconds(1234567890123)),
          origin};
}

Record record_of(std::string_view secret, std::uint64_t version = 1) {
  Record record{version, 0, {}};
  record.slots.emplace(Slot::current, kept("some-id", secret, version));
  return record;
}

config::Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

SecretServiceRecords store_at(const std::string& state, std::chrono::milliseconds limit = 10s) {
  return {state, config::process_environment, limit};
}

std::map<std::string, std::string> attributes_of(const std::string& profile) {
  return {{"xdg:schema", "io.fob.Credential"}, {"state", k_state}, {"profile", profile}};
}

std::string secret_in(SecretServiceRecords& records, const std::string& profile) {
  const auto record = records.read(profile);
  if (!record) return record.error().detail;
  return *record ? std::string((*record)->slots.at(Slot::current).credential.secret.reveal()) : "nothing";
}

void expect_error(const Error& error, ErrorCode code, const std::string& words) {
  EXPECT_EQ(error.code, code) << error.detail;
  EXPECT_NE(error.detail.find(words), std::string::npos) << error.detail;
}

// Every operation fails with store_locked and these words.
void expect_refused(SecretServiceRecords& records, const std::string& words) {
  expect_error(records.read("prod").error(), ErrorCode::store_locked, words);
  expect_error(records.replace("prod", record_of("x")).error(), ErrorCode::store_locked, words);
  expect_error(records.erase("prod").error(), ErrorCode::store_locked, words);
  expect_error(records.profiles().error(), ErrorCode::store_locked, words);
}

class SecretServiceTest : public testing::Test {
 protected:
  KeyringSession session_;
  SecretServiceRecords records_ = store_at(k_state);
};

TEST_F(SecretServiceTest, GivesBackEverySlotWithAllThatIsKeptOfIt) {
  Record record{9, 7, {}};
  record.slots.emplace(Slot::current, kept("id-1", k_secret, 8, {false, 7}));
  record.slots.emplace(Slot::next, kept("id-2", "\"quoted\\", 9, {true, 0}));
  record.slots.emplace(Slot::previous, kept("id-3", std::string(4096, 's'), 1));
  ASSERT_TRUE(records_.replace("prod", record));
  const auto read = records_.read("prod");
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_TRUE(*read);
  EXPECT_EQ((*read)->counter, 9U);
  EXPECT_EQ((*read)->bundle_serial, 7U);
  ASSERT_EQ((*read)->slots.size(), 3U);
  for (const auto& [slot, expected] : record.slots) {
    const auto& found = (*read)->slots.at(slot);
    EXPECT_EQ(found.credential.client_id, expected.credential.client_id);
    EXPECT_EQ(found.credential.secret, expected.credential.secret);
    EXPECT_EQ(found.version, expected.version);
    EXPECT_EQ(found.stored_at, expected.stored_at);
    EXPECT_EQ(found.origin.untested, expected.origin.untested);
    EXPECT_EQ(found.origin.bundle_serial, expected.origin.bundle_serial);
  }
}

TEST_F(SecretServiceTest, AProfileWithoutAnItemHasNoRecord) {
  EXPECT_EQ(secret_in(records_, "prod"), "nothing");
  EXPECT_TRUE(records_.erase("prod"));
  EXPECT_TRUE(records_.profiles().value().empty());
}

TEST_F(SecretServiceTest, ReplaceLeavesOneItemWithTheNewRecord) {
  ASSERT_TRUE(records_.replace("prod", record_of("old", 1)));
  ASSERT_TRUE(records_.replace("prod", record_of("new", 2)));
  EXPECT_EQ(secret_in(records_, "prod"), "new");
  ASSERT_EQ(session_.items(attributes_of("prod")).size(), 1U);
  EXPECT_EQ(session_.label_of(session_.items(attributes_of("prod"))[0]), "fob credential of prod");
}

TEST_F(SecretServiceTest, EraseForgetsOneProfileAndNoOther) {
  ASSERT_TRUE(records_.replace("prod", record_of("one")));
  ASSERT_TRUE(records_.replace("prod-2", record_of("two")));
  ASSERT_TRUE(records_.erase("prod"));
  EXPECT_EQ(secret_in(records_, "prod"), "nothing");
  EXPECT_EQ(secret_in(records_, "prod-2"), "two");
}

TEST_F(SecretServiceTest, ListsProfilesByNameAndOnce) {
  for (const auto* name : {"c", "a", "b"}) ASSERT_TRUE(records_.replace(name, record_of("secret")));
  session_.add_item(attributes_of("b"), "a copy");
  EXPECT_EQ(records_.profiles().value(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(SecretServiceTest, TwoStateDirectoriesDoNotSeeEachOther) {
  auto other = store_at("/nowhere/else");
  ASSERT_TRUE(records_.replace("prod", record_of("ours")));
  EXPECT_EQ(secret_in(other, "prod"), "nothing");
  ASSERT_TRUE(other.replace("prod", record_of("theirs")));
  ASSERT_TRUE(other.replace("theirs-alone", record_of("theirs")));
  EXPECT_EQ(secret_in(records_, "prod"), "ours");
  EXPECT_EQ(records_.profiles().value(), std::vector<std::string>{"prod"});
  ASSERT_TRUE(other.erase("prod"));
  EXPECT_EQ(secret_in(records_, "prod"), "ours");
}

TEST_F(SecretServiceTest, OneDirectoryIsTheSameHoweverItIsWritten) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  auto longer = store_at("/nowhere/./elsewhere/../state of some one/");
  EXPECT_EQ(secret_in(longer, "prod"), "secret");
}

TEST_F(SecretServiceTest, OneDirectoryIsTheSameThroughASymlink) {
  const test::TempDirectory directory;
  fs::create_directory(directory.path() / "var");
  auto early = store_at(directory.path() / "home/state");  // before there is any such path
  fs::create_directory_symlink("var", directory.path() / "home");
  auto real = store_at(directory.path() / "var/state"), linked = store_at(directory.path() / "home/state");
  ASSERT_TRUE(real.replace("prod", record_of("not-yet-made")));
  for (auto* records : {&real, &linked, &early}) EXPECT_EQ(secret_in(*records, "prod"), "not-yet-made");
  fs::create_directory(directory.path() / "var/state");
  ASSERT_TRUE(linked.replace("prod", record_of("there")));
  for (auto* records : {&real, &linked, &early}) EXPECT_EQ(secret_in(*records, "prod"), "there");
}

TEST_F(SecretServiceTest, ADirectoryWhoseNameIsNoTextHasItsOwnItems) {
  auto first = store_at("/nowhere/\xff"), second = store_at("/nowhere/\xfe");
  ASSERT_TRUE(first.replace("prod", record_of("first")));
  EXPECT_EQ(secret_in(first, "prod"), "first");
  EXPECT_EQ(secret_in(second, "prod"), "nothing");
}

TEST_F(SecretServiceTest, TheItemSaysWhoseItIsAndNothingSecret) {
  ASSERT_TRUE(records_.replace("prod", record_of(k_secret)));
  const auto items = session_.items(attributes_of("prod"));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(session_.attributes_of(items[0]), attributes_of("prod"));
}

TEST_F(SecretServiceTest, OfCopiesTheLastModifiedCountsAndEraseDeletesAll) {
  for (int i = 0; i < 3; ++i) session_.add_item(attributes_of("prod"), "a stale copy");
  ASSERT_TRUE(records_.replace("prod", record_of("old", 1)));
  EXPECT_EQ(secret_in(records_, "prod"), "old");
  ASSERT_TRUE(records_.replace("prod", record_of("new", 2)));
  EXPECT_EQ(secret_in(records_, "prod"), "new");
  EXPECT_EQ(session_.items(attributes_of("prod")).size(), 3U);
  ASSERT_TRUE(records_.erase("prod"));
  EXPECT_TRUE(session_.items(attributes_of("prod")).empty());
}

// What somebody else wrote.

TEST_F(SecretServiceTest, AnItemWithGarbageIsRefusedWithTheMendAndCanBeErased) {
  const std::string longest(k_max_record_text + 1, ' ');
  for (const std::string& content : {std::string(), std::string("{}"), std::string("\0\xff\n", 3), longest}) {
    session_.add_item(attributes_of("prod"), content);
    const auto read = records_.read("prod");
    ASSERT_FALSE(read);
    expect_error(read.error(), ErrorCode::store_damaged,
                 "the keyring's item \"fob credential of prod\" cannot be used");
    expect_error(read.error(), ErrorCode::store_damaged, "fob credential add prod");
    EXPECT_EQ(records_.profiles().value(), std::vector<std::string>{"prod"});
    ASSERT_TRUE(records_.erase("prod"));
    EXPECT_EQ(secret_in(records_, "prod"), "nothing");
  }
}

TEST_F(SecretServiceTest, AnotherProfilesRecordIsRefused) {
  const auto text = encode_record(record_of("secret"), "staging");
  session_.add_item(attributes_of("prod"), std::string(text->reveal()));
  expect_error(records_.read("prod").error(), ErrorCode::store_damaged, "it was written for another profile");
}

TEST_F(SecretServiceTest, WhatIsNoProfileNameIsNotListed) {
  session_.add_item(attributes_of("../prod"), "{}");
  session_.add_item({{"xdg:schema", "io.fob.Credential"}, {"state", k_state}}, "{}");
  session_.add_item({{"xdg:schema", "org.example.Other"}, {"state", k_state}, {"profile", "prod"}}, "{}");
  EXPECT_TRUE(records_.profiles().value().empty());
}

TEST_F(SecretServiceTest, ARecordThatCannotBeKeptChangesNothing) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  EXPECT_EQ(records_.replace("prod", record_of("")).error().code, ErrorCode::store);
  EXPECT_EQ(secret_in(records_, "prod"), "secret");
}

// Locked, away, hung.

TEST_F(SecretServiceTest, ALockedKeyringIsAnErrorAndNeverAPrompt) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  session_.lock();
  const std::string words = "the keyring (secret service) is locked; unlock it, for example by logging in";
  expect_error(records_.read("prod").error(), ErrorCode::store_locked, words);
  expect_error(records_.replace("prod", record_of("x")).error(), ErrorCode::store_locked, words);
  expect_error(records_.erase("prod").error(), ErrorCode::store_locked, words);
  const std::string which = "the keyring (secret service) is locked (its collection login); unlock it";
  expect_error(records_.read("never-stored").error(), ErrorCode::store_locked, which);
  expect_error(records_.replace("never-stored", record_of("x")).error(), ErrorCode::store_locked, which);
  EXPECT_EQ(records_.profiles().value(), std::vector<std::string>{"prod"}) << "the names can still be seen";
}

TEST_F(SecretServiceTest, AKeyringThatHidesItsItemsUntilALoginIsNotAnEmptyOne) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  session_.restart_locked();
  expect_refused(records_, "the keyring (secret service) is locked");
}

TEST_F(SecretServiceTest, ALockedKeyringWithNothingInItMayHoldSomething) {
  session_.lock();
  expect_refused(records_, "the keyring (secret service) is locked");
}

TEST_F(SecretServiceTest, WhatAnotherLockedCollectionHoldsIsNotTakenForMissing) {
  const auto other = session_.add_collection("other");
  const auto text = encode_record(record_of("elsewhere"), "prod");
  session_.add_item(attributes_of("prod"), std::string(text->reveal()), other);
  EXPECT_EQ(secret_in(records_, "prod"), "elsewhere");
  session_.restart_with_login();
  expect_refused(records_, "the keyring (secret service) is locked (its collection other); unlock it");
  EXPECT_TRUE(session_.items(attributes_of("prod")).empty()) << "the write made a second one";
}

TEST_F(SecretServiceTest, AnotherLockedCollectionHindersNothingThatIsFound) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  session_.lock(session_.add_collection("other"));
  EXPECT_EQ(secret_in(records_, "prod"), "secret");
  ASSERT_TRUE(records_.replace("prod", record_of("new")));
  EXPECT_EQ(records_.profiles().value(), std::vector<std::string>{"prod"});
  EXPECT_TRUE(records_.erase("prod"));
}

TEST_F(SecretServiceTest, AHungKeyringEndsWithinTheLimit) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  session_.stop_keyring();
  auto impatient = store_at(k_state, 1s);
  const auto start = std::chrono::steady_clock::now();
  expect_refused(impatient, "the keyring (secret service) did not answer within 1 s");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 8s);
  session_.continue_keyring();
  EXPECT_EQ(secret_in(records_, "prod"), "secret");
}

TEST_F(SecretServiceTest, AHungBusEndsWithinTheLimit) {
  session_.stop_bus();
  auto impatient = store_at(k_state, 300ms);
  expect_refused(impatient, "did not answer within 300 ms");
}

TEST_F(SecretServiceTest, AKeyringThatIsGoneIsSaidAndMayComeBack) {
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));
  session_.kill_keyring();
  expect_refused(records_, "no keyring (secret service) runs on the session bus; start one");
  expect_refused(records_, k_or_file);
}

TEST_F(SecretServiceTest, LeavesNoDescriptorOpen) {
  const auto open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  ASSERT_TRUE(records_.replace("prod", record_of("secret")));  // GLib's own come with the first call
  const auto before = open_files();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(secret_in(records_, "prod"), "secret");
    EXPECT_TRUE(records_.profiles());
  }
  // The last connection's worker may still be closing.
  for (int i = 0; i < 1000 && open_files() > before; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_LE(open_files(), before);
}

TEST_F(SecretServiceTest, TheSecretIsInClearNeitherOnTheBusNorInAnyFile) {
  const auto record = session_.directory() / "bus.recorded";
  const auto content = [](const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  session_.record_bus(record);
  ASSERT_TRUE(records_.replace("prod", record_of(k_secret, 1)));
  ASSERT_TRUE(records_.replace("prod", record_of(k_secret, 2)));
  EXPECT_EQ(secret_in(records_, "prod"), k_secret);
  EXPECT_EQ(secret_in(records_, "the-end"), "nothing");
  for (int i = 0; i < 10000 && content(record).find("the-end") == std::string::npos; ++i)
    std::this_thread::sleep_for(1ms);

  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(session_.directory())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(content(entry.path()).find(k_secret.substr(0, 16)), std::string::npos) << entry.path();
  }
  EXPECT_GE(files, 3U);
  for (const auto* word : {"CreateItem", "SetSecret", "GetSecret", "fob credential of prod", "the-end"})
    EXPECT_NE(content(record).find(word), std::string::npos) << "the record of the bus lacks " << word;
}

TEST(SecretService, WithoutAKeyringOnTheBusEveryCallSaysSo) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  expect_refused(records, "no keyring (secret service) runs on the session bus; start one");
}

TEST(SecretService, WithoutADefaultCollectionNothingIsThereAndNothingCanBeStored) {
  const KeyringSession session(KeyringSession::Keyring::without_default);
  auto records = store_at(k_state);
  EXPECT_EQ(secret_in(records, "prod"), "nothing");
  EXPECT_TRUE(records.profiles().value().empty());
  EXPECT_TRUE(records.erase("prod"));
  expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store_locked,
               "has no default collection, and making one would ask the user");
}

TEST(SecretService, WithoutABusEveryCallSaysSo) {
  const test::TempDirectory runtime;
  for (const auto& variables :
       {std::map<std::string, std::string>{}, {{"XDG_RUNTIME_DIR", runtime.path().string()}}}) {
    SecretServiceRecords records(k_state, environment(variables));
    expect_refused(records,
                   "there is no session bus (neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR/bus)");
    expect_refused(records, k_or_file);
  }
}

TEST(SecretService, ABusThatIsNotThereAnyMoreIsNamed) {
  const std::string address = "unix:path=/nowhere/bus";
  SecretServiceRecords records(k_state, environment({{"DBUS_SESSION_BUS_ADDRESS", address}}));
  expect_refused(records, address);
}

TEST(SecretService, StartsNoBusAndCallsNoneOverTheNetwork) {
  for (const std::string address : {"autolaunch:", "unix:path=/nowhere/bus;autolaunch:",
                                    "tcp:host=127.0.0.1,port=1", "unixexec:path=/bin/true", "", "nonsense"}) {
    SecretServiceRecords records(k_state, environment({{"DBUS_SESSION_BUS_ADDRESS", address}}));
    expect_refused(records, "the session bus is not on a Unix socket");
  }
}

TEST(SecretService, FindsTheBusInTheRuntimeDirectory) {
  const KeyringSession session;
  SecretServiceRecords records(k_state, environment({{"XDG_RUNTIME_DIR", session.directory().string()}}));
  ASSERT_TRUE(records.replace("prod", record_of("secret")));
  EXPECT_EQ(secret_in(records, "prod"), "secret");
}

// A bus that takes connections, says `greeting` to each, and nothing more.
class SilentBus {
 public:
  explicit SilentBus(std::string greeting) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 16) != 0)
      throw std::runtime_error("silent bus");
    thread_ = std::thread([this, words = std::move(greeting)] {
      std::vector<UniqueFd> connections;
      for (int fd = 0; (fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
        ::send(fd, words.data(), words.size(), MSG_NOSIGNAL);
        connections.emplace_back(fd);
      }
    });
  }
  ~SilentBus() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string path() const { return (directory_.path() / "bus").string(); }

 private:
  test::TempDirectory directory_;
  UniqueFd listener_;
  std::thread thread_;
};

TEST(SecretService, ABusThatFallsSilentAtAnyStepEndsWithinTheLimit) {
  const std::string rejected = "REJECTED EXTERNAL\r\n", ok = "OK 0123456789abcdef0123456789abcdef\r\n";
  for (const auto& greeting : {std::string(), rejected, rejected + ok, rejected + ok + "AGREE_UNIX_FD\r\n"}) {
    const SilentBus bus(greeting);
    SecretServiceRecords records(
        k_state, environment({{"DBUS_SESSION_BUS_ADDRESS", "unix:path=" + bus.path()}}), 300ms);
    const auto start = std::chrono::steady_clock::now();
    expect_refused(records, "did not answer within 300 ms");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 8s) << greeting;
  }
}

constexpr const char* k_one_item = "([objectpath '/item/1'], @ao [])";
constexpr const char* k_three_items = "([objectpath '/item/2', '/item/3', '/item/1'], @ao [])";
constexpr const char* k_no_item = "(@ao [], @ao [])";
constexpr const char* k_two_collections = "(<[objectpath '/collection/1', '/collection/2']>,)";
constexpr const char* k_session = "(<[byte 0x02]>, objectpath '/session/1')";
constexpr const char* k_gone = "org.freedesktop.DBus.Error.UnknownObject";

// To each method its reply; no other object is there.
FakeService::Answer answers(std::map<std::string, std::string> replies) {
  return [replies = std::move(replies)](const FakeService::Call& call) {
    const auto found = replies.find(call.method);
    return found == replies.end() ? k_gone : found->second;
  };
}

TEST(SecretService, AServiceThatDiesDuringACallIsSaid) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const std::string words = "the keyring (secret service) or its bus ended while it was asked";
  {
    const FakeService service(session, [](const FakeService::Call&) { return ""; });
    expect_error(records.read("prod").error(), ErrorCode::store_locked, words);
  }
  const FakeService service(
      session, [](const FakeService::Call& call) { return call.method == "SearchItems" ? k_one_item : ""; });
  expect_error(records.erase("prod").error(), ErrorCode::store,
               words + ", and whether the change was made is not known");
}

TEST(SecretService, AServiceThatWouldAskTheUserIsNotLetTo) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, [](const FakeService::Call& call) {
    return call.method == "SearchItems" ? k_one_item : "(objectpath '/prompt/1',)";
  });
  expect_error(records.erase("prod").error(), ErrorCode::store_locked, "wants to ask the user first");
  EXPECT_EQ(service.calls(), (std::vector<std::string>{"SearchItems", "Delete"}));
}

TEST(SecretService, AServiceThatWouldSendSecretsInClearIsNotUsed) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  int offers = 0;
  const FakeService service(session, [&offers](const FakeService::Call& call) {
    if (call.method == "SearchItems") return k_one_item;
    return offers++ % 2 == 0 ? "org.freedesktop.DBus.Error.NotSupported" : "(<''>, objectpath '/session/1')";
  });
  const std::string words = "would send secrets over the bus in clear";
  expect_error(records.read("prod").error(), ErrorCode::store_locked, words);
  expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store_locked, words);
  EXPECT_EQ(service.calls(), (std::vector<std::string>{"SearchItems", "OpenSession", "OpenSession",
                                                       "SearchItems", "OpenSession", "OpenSession"}));
}

TEST(SecretService, ARefusedWriteIsToldInPrintableWords) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, [](const FakeService::Call& call) {
    return call.method == "SearchItems" ? k_one_item : "org.example.Error.Whatever";
  });
  const auto erased = records.erase("prod");
  ASSERT_FALSE(erased);
  EXPECT_EQ(erased.error().code, ErrorCode::store);
  EXPECT_EQ(erased.error().detail,
            std::string("the keyring (secret service) refused (no   such [31m luck); try again") + k_or_file);
}

TEST(SecretService, AnItemThatGoesAwayWhileItIsErasedOrListedIsNoError) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, [](const FakeService::Call& call) {
    return call.method == "SearchItems" ? k_one_item : "org.freedesktop.DBus.Error.UnknownObject";
  });
  EXPECT_TRUE(records.erase("prod"));
  EXPECT_TRUE(records.profiles().value().empty());
}

TEST(SecretService, AnItemThatVanishesWhileItIsReadIsNotTakenForMissing) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  for (const std::string gone :
       {"org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.Secret.Error.NoSuchObject", k_gone}) {
    const FakeService service(
        session, answers({{"SearchItems", k_one_item}, {"OpenSession", k_session}, {"GetSecret", gone}}));
    const auto read = records.read("prod");
    ASSERT_FALSE(read) << gone;
    expect_error(read.error(), ErrorCode::store_locked, "vanished while it was read; try again");
  }
}

TEST(SecretService, OfCopiesThatDoNotTellWhenTheyWereModifiedTheGreatestPathCounts) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, [](const FakeService::Call& call) {
    if (call.method == "SearchItems") return k_three_items;
    if (call.method == "OpenSession") return k_session;
    return call.method == "SetSecret" && call.path == "/item/3" ? "()" : k_gone;
  });
  const auto replaced = records.replace("prod", record_of("secret"));
  EXPECT_TRUE(replaced) << replaced.error().detail;
  EXPECT_EQ(service.calls().back(), "SetSecret");
}

TEST(SecretService, WithoutADefaultCollectionAnyLockedOneMayHoldTheRecord) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, [](const FakeService::Call& call) {
    if (call.method == "SearchItems") return k_no_item;
    if (call.method == "ReadAlias") return "(objectpath '/',)";
    if (call.method == "Collections") return k_two_collections;
    return call.path == "/collection/2" ? "(<true>,)" : "(<false>,)";
  });
  expect_refused(records, "is locked (its collection 2)");
}

TEST(SecretService, WithoutAnyCollectionNothingIsThereAndNothingCanBeStored) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, answers({{"SearchItems", k_no_item},
                                              {"ReadAlias", "(objectpath '/',)"},
                                              {"Collections", "(<@ao []>,)"},
                                              {"OpenSession", k_session}}));
  EXPECT_EQ(secret_in(records, "prod"), "nothing");
  EXPECT_TRUE(records.profiles().value().empty());
  EXPECT_TRUE(records.erase("prod"));
  expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store_locked,
               "has no default collection, and making one would ask the user");
}

TEST(SecretService, WhereItCannotBeToldWhatIsLockedNothingIsTakenForMissing) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  std::string many = "objectpath '/collection/0'";
  for (int i = 1; i <= 64; ++i) many += ", '/collection/" + std::to_string(i) + "'";
  const std::map<std::string, std::string> unlocked = {{"SearchItems", k_no_item},
                                                       {"ReadAlias", "(objectpath '/collection/0',)"},
                                                       {"Collections", k_two_collections},
                                                       {"Locked", "(<false>,)"}};
  const auto but = [&unlocked](const std::string& method, const std::string& reply) {
    auto replies = unlocked;
    replies[method] = reply;
    return answers(std::move(replies));
  };
  {
    const FakeService service(session, but("Collections", "(<[" + many + "]>,)"));
    expect_refused(records, "has more than 64 collections");
    for (const auto& call : service.calls()) EXPECT_NE(call, "Locked");
  }
  {
    const FakeService service(session, but("Locked", k_gone));
    expect_refused(records, "a collection of the keyring (secret service) vanished");
  }
  for (const std::string odd : {"(<'all of them'>,)", "(<[1, 2]>,)", k_gone}) {
    const FakeService service(session, but("Collections", odd));
    expect_refused(records, "gave an answer that makes no sense");
  }
  const FakeService service(session, answers(unlocked));
  EXPECT_EQ(secret_in(records, "prod"), "nothing");
}

TEST(SecretService, WhatALoginBringsToLightMeanwhileIsFound) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  std::atomic<bool> unlocked = false;  // by somebody, once the first search is over
  const FakeService service(session, [&unlocked](const FakeService::Call& call) {
    if (call.method == "Collections") return k_two_collections;
    if (call.method == "Locked") return "(<false>,)";
    if (call.method == "Attributes") return "(<{'profile': 'prod'}>,)";
    if (call.method == "Delete") return "(objectpath '/',)";
    return unlocked.exchange(true) ? k_one_item : k_no_item;
  });
  EXPECT_EQ(records.profiles().value(), std::vector<std::string>{"prod"});
  unlocked = false;
  ASSERT_TRUE(records.erase("prod"));
  EXPECT_EQ(service.calls().back(), "Delete");
}

TEST(SecretService, AWriteWhoseAnswerMakesNoSenseMayHaveBeenMade) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const std::string words =
      "gave an answer that makes no sense, and whether the change was made is not known; see fob credential "
      "list";
  {
    const FakeService service(session, answers({{"SearchItems", k_one_item},
                                                {"OpenSession", k_session},
                                                {"SetSecret", "('done',)"},
                                                {"Delete", "('done',)"}}));
    expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store, words);
    expect_error(records.erase("prod").error(), ErrorCode::store, words);
  }
  const FakeService service(session, answers({{"SearchItems", k_no_item},
                                              {"Collections", "(<@ao []>,)"},
                                              {"ReadAlias", "(objectpath '/collection/1',)"},
                                              {"OpenSession", k_session},
                                              {"CreateItem", "('done',)"}}));
  expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store, words);
}

TEST(SecretService, AnEraseThatFailsMidwaySaysThatSomeCopiesMayBeGone) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  std::atomic<int> deleted = 0, willing = 1;
  const FakeService service(session, [&deleted, &willing](const FakeService::Call& call) {
    if (call.method == "SearchItems") return k_three_items;
    return deleted++ < willing ? "(objectpath '/',)" : "org.example.Error.Whatever";
  });
  const std::string words = "of the 3 items of prod some may be gone";
  expect_error(records.erase("prod").error(), ErrorCode::store, words);
  deleted = 0;
  willing = 0;
  const auto none = records.erase("prod");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().detail.find(words), std::string::npos) << none.error().detail;
}

TEST(SecretService, AnswersThatMakeNoSenseAreRefused) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  for (const std::string answer : {"(1, 2)", "([objectpath '/item/1'],)", "@() ()", "('a', 'b')"}) {
    const FakeService service(session, [&answer](const FakeService::Call&) { return answer; });
    expect_refused(records, "the keyring (secret service) gave an answer that makes no sense");
  }
}

// gnome-keyring answers the first call of a connection so, now and then, when many come at once.
TEST(SecretService, AsksAgainWhereTheKeyringDoesNotKnowItsClientYet) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  std::atomic<int> searches = 0;
  const FakeService service(session, [&](const FakeService::Call& call) -> std::string {
    if (call.method == "SearchItems" && ++searches == 1) return "org.freedesktop.DBus.Error.UnknownMethod";
    return answers({{"SearchItems", k_no_item}, {"Collections", "(<@ao []>,)"}})(call);
  });
  const auto read = records.read("prod");
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_FALSE(read->has_value());
}

TEST(SecretService, WhateverIsRefusedOnTheWayNothingIsTakenForMissingOrForDone) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const std::map<std::string, std::string> found = {{"SearchItems", k_three_items},
                                                    {"Modified", "(<uint64 1>,)"},
                                                    {"Attributes", "(<{'profile': 'prod'}>,)"},
                                                    {"OpenSession", k_session}},
                                           empty = {{"SearchItems", k_no_item},
                                                    {"Collections", k_two_collections},
                                                    {"Locked", "(<false>,)"},
                                                    {"ReadAlias", "(objectpath '/collection/1',)"},
                                                    {"OpenSession", k_session}};
  const auto but = [](std::map<std::string, std::string> replies, const std::string& method,
                      const std::string& reply) {
    replies[method] = reply;
    return answers(std::move(replies));
  };
  const std::string refused = "org.example.Error.Whatever", words = "the keyring (secret service) refused";
  for (const std::string method : {"SearchItems", "Modified", "OpenSession", "GetSecret"}) {
    const FakeService service(session, but(found, method, refused));
    const auto read = records.read("prod");
    ASSERT_FALSE(read) << method;
    // libsecret, which opens the session, keeps the words and not that they are the service's.
    const auto& said = method == "OpenSession" ? "the keyring (secret service) could not be asked" : words;
    expect_error(read.error(), ErrorCode::store_locked, said);
  }
  for (const std::string method : {"Collections", "Locked"}) {
    const FakeService service(session, but(empty, method, refused));
    const auto read = records.read("prod");
    ASSERT_FALSE(read) << method;
    expect_error(read.error(), ErrorCode::store_locked, words);
  }
  {
    const FakeService service(session, but(found, "Attributes", refused));
    ASSERT_FALSE(records.profiles());
    expect_error(records.profiles().error(), ErrorCode::store_locked, words);
  }
  for (const std::string method : {"ReadAlias", "CreateItem"}) {
    const FakeService service(session, but(empty, method, refused));
    const auto replaced = records.replace("prod", record_of("secret"));
    ASSERT_FALSE(replaced) << method;
    EXPECT_NE(replaced.error().detail.find(words), std::string::npos) << replaced.error().detail;
  }
}

TEST(SecretService, WhatGoesAwayInTheMidstOfAWriteIsSaid) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  {
    const FakeService service(
        session, answers({{"SearchItems", k_one_item}, {"OpenSession", k_session}, {"SetSecret", k_gone}}));
    expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store,
                 "the keyring's item was deleted meanwhile; try again");
  }
  std::map<std::string, std::string> empty = {{"SearchItems", k_no_item},
                                              {"Collections", "(<@ao []>,)"},
                                              {"ReadAlias", "(objectpath '/collection/1',)"},
                                              {"OpenSession", k_session}};
  {
    const FakeService service(session, answers(empty));
    expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store,
                 "the keyring's default collection was deleted meanwhile; try again");
  }
  empty.erase("ReadAlias");
  const FakeService service(session, answers(empty));
  expect_error(records.replace("prod", record_of("secret")).error(), ErrorCode::store_locked,
               "gave an answer that makes no sense");
}

TEST(SecretService, AServiceThatSaysThatItIsLockedOrNotThereIsBelieved) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  for (const auto& [error, words] : std::map<std::string, std::string>{
           {"org.freedesktop.Secret.Error.IsLocked", "is locked; unlock it"},
           {"org.freedesktop.DBus.Error.NameHasNoOwner", "no keyring (secret service) runs"}}) {
    const FakeService service(session, [&error](const FakeService::Call&) { return error; });
    expect_refused(records, words);
  }
}

TEST(SecretService, ASecretThatCannotBeUnsealedIsNoRecord) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(
      session,
      answers({{"SearchItems", k_one_item},
               {"OpenSession", k_session},
               {"GetSecret", "((objectpath '/session/1', [byte 1], [byte 1, 2, 3], 'text/plain'),)"}}));
  const auto read = records.read("prod");
  ASSERT_FALSE(read);
  expect_error(read.error(), ErrorCode::store_locked, "gave an answer that makes no sense");
}

TEST(SecretService, ALockedItemThatDoesNotSayWhoseItIsMayBeOurs) {
  const KeyringSession session(KeyringSession::Keyring::none);
  auto records = store_at(k_state);
  const FakeService service(session, answers({{"SearchItems", "(@ao [], [objectpath '/item/1'])"},
                                              {"Attributes", "(<@a{ss} {}>,)"}}));
  const auto listed = records.profiles();
  ASSERT_FALSE(listed);
  expect_error(listed.error(), ErrorCode::store_locked, "the keyring (secret service) is locked");
}

}  // namespace
}  // namespace fob::store
