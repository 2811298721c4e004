// Sealing: what goes in comes out on each device and nowhere else, and a failure leaves no trace.
#include "daemon/fleet/bundle_reader.hpp"
#include "daemon/fleet/bundle_writer.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sys/stat.h>
#include <vector>

namespace fob::fleet {
namespace {

class BundleWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    DeviceListReader reader("devices");
    for (unsigned char i = 0; i < 40; ++i) {
      identities_.push_back(test::device("d" + std::to_string(i), i));
      ASSERT_TRUE(reader.feed(encode_enrol_line(identities_.back(), order_.created) + "\n"));
    }
    devices_ = reader.finish().value();
  }
  Result<BundleHeader> seal() { return seal_bundle(path_, order_, devices_, credentials_, key_, progress_); }
  Verified<OpenedBundle> open(const DeviceIdentity& who) const {
    return open_bundle(BundleFile::open(path_).value(), std::vector{key_.public_key}, who);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  fob::test::TempDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "prod.fobbundle";
  SealOrder order_{"prod-query",
                   7,
                   test::at("2026-01-31T12:00:00Z"),
                   test::at("2026-02-01T00:00:00Z"),
                   test::at("2026-03-01T00:00:00Z"),
                   {{5, test::at("2026-02-01T00:00:00Z")},
                    {50, test::at("2026-02-02T00:00:00Z")},
                    {100, test::at("2026-02-03T00:00:00Z")}}};
  std::vector<DeviceIdentity> identities_;
  DeviceList devices_;
  Credentials credentials_ = Credentials::for_all("id", SecretBytes::copy_of("secret")).value();
  OperatorKey key_ = test::operator_key();
  Progress progress_;
};

TEST_F(BundleWriterTest, EveryDeviceOpensItsOwn) {
  std::string csv;
  for (const auto& identity : identities_)
    csv += identity.id + ",id-" + identity.id + ",secret-" + identity.id + "\n";
  credentials_ = Credentials::from_table(SecretBytes::copy_of(csv), "table").value();
  const auto header = seal();
  ASSERT_TRUE(header) << header.error().detail;
  EXPECT_EQ(header->devices, 40U);
  for (const auto& identity : identities_) {
    const auto opened = open(identity);
    ASSERT_TRUE(opened) << explain(opened.error());
    EXPECT_EQ(opened->header, *header);
    EXPECT_EQ(opened->client_id, "id-" + identity.id);
    EXPECT_EQ(opened->client_secret, SecretBytes::copy_of("secret-" + identity.id));
  }
}

TEST_F(BundleWriterTest, WavesHaveExactlyTheirPercentsByLot) {
  std::map<std::size_t, int> sizes;
  const auto waves = [&] {
    std::vector<std::size_t> drawn;
    for (const auto& identity : identities_) drawn.push_back(open(identity).value().wave);
    return drawn;
  };
  ASSERT_TRUE(seal());
  const auto first = waves();
  for (const std::size_t wave : first) ++sizes[wave];
  EXPECT_EQ(sizes, (std::map<std::size_t, int>{{0, 2}, {1, 18}, {2, 20}}));
  ASSERT_TRUE(seal());
  EXPECT_NE(waves(), first) << "the same lot twice, one in 10^12";
}

TEST_F(BundleWriterTest, NoSizeTellsAnything) {
  const auto box_bytes = [&](std::string_view secret) {
    credentials_ = Credentials::for_all("id", SecretBytes::copy_of(secret)).value();
    return seal().value().box_bytes;
  };
  EXPECT_EQ(box_bytes("s"), box_bytes("secret"));
  EXPECT_EQ((box_bytes("secret") - crypto_box_SEALBYTES) % 64, 0U);
  EXPECT_EQ(box_bytes(std::string(64, 's')), box_bytes("s") + 64);
}

TEST_F(BundleWriterTest, ReplacesItsTargetInOneStepForAllToRead) {
  ASSERT_TRUE(replace_file(path_, "old", 0600, ErrorCode::internal));
  ::umask(077);
  ASSERT_TRUE(seal());
  ::umask(022);
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0644U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(BundleWriterTest, AnOrderThatCannotBeLeavesNothing) {
  const auto fault = [&](auto change) {
    SealOrder order = order_;
    change(order_);
    const auto sealed = seal();
    order_ = order;
    EXPECT_EQ(files(), 0U);
    return sealed ? "" : sealed.error().detail;
  };
  EXPECT_NE(fault([](auto& o) { o.serial = 0; }).find("serial must be"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.profile = "a/b"; }).find("profile's name"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.not_after = o.not_before; }).find("over before"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.waves.clear(); }).find("waves"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.waves.pop_back(); }).find("100 percent"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.created = Time::max(); }).find("out of range"), std::string::npos);
}

TEST_F(BundleWriterTest, ACredentialForEachDeviceOrNone) {
  credentials_ = Credentials::from_table(SecretBytes::copy_of("d0,id,secret\n"), "table").value();
  EXPECT_EQ(seal().error().detail.substr(0, 12), "39 of 40 dev");
  credentials_ =
      Credentials::for_all(std::string(4096, '"'), SecretBytes::copy_of(std::string(4096, '\\'))).value();
  EXPECT_EQ(seal().error().detail, "a credential is too long for a bundle");
  credentials_ =
      Credentials::for_all(std::string(4096, 'i'), SecretBytes::copy_of(std::string(4096, 's'))).value();
  EXPECT_TRUE(seal()) << "the longest values that are no rarity";
  EXPECT_TRUE(open(identities_[0]));
}

TEST_F(BundleWriterTest, AKeyThatIsNoneNamesItsDevice) {
  auto broken = test::device("broken", 0x90);
  broken.box_key = {};
  DeviceListReader reader("devices");
  ASSERT_TRUE(reader.feed(encode_enrol_line(broken, order_.created)));
  devices_ = reader.finish().value();
  EXPECT_NE(seal().error().detail.find("the key of broken (line 1)"), std::string::npos);
  EXPECT_EQ(files(), 0U);
}

TEST_F(BundleWriterTest, AnUnwritableTargetIsAnError) {
  path_ = directory_.path() / "none" / "bundle";
  EXPECT_EQ(seal().error().code, ErrorCode::internal);
  path_ = directory_.path();
  EXPECT_FALSE(seal());
  EXPECT_EQ(files(), 0U);
}

TEST_F(BundleWriterTest, ProgressEndsWithAll) {
  std::vector<std::uint64_t> told;
  progress_ = [&](std::uint64_t sealed, std::uint64_t devices) {
    told.push_back(sealed);
    EXPECT_EQ(devices, 40U);
  };
  ASSERT_TRUE(seal());
  EXPECT_EQ(told, (std::vector<std::uint64_t>{40}));
}

}  // namespace
}  // namespace fob::fleet
