// A bundle on its device: what is addressed to it opens, and everything else is refused for the right reason.
#include "daemon/fleet/bundle_reader.hpp"
#include "daemon/fleet/limits.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <vector>

namespace fob::fleet {
namespace {

using test::Bundle;

class BundleReaderTest : public testing::Test {
 protected:
  Verified<OpenedBundle> open(const std::string& bytes, const DeviceIdentity& who) const {
    return open_bundle(BundleBytes(octets(bytes)), std::vector{operator_.public_key}, who);
  }
  Reason reason(const std::string& bytes) const {
    const auto opened = open(bytes, a_);
    return opened ? throw std::logic_error("it opens") : opened.error().reason;
  }
  // The bundle after `change`, signed by the trusted operator all the same.
  Reason reason_after(const std::function<void(Bundle&)>& change) const {
    Bundle bundle = test::small_bundle();
    change(bundle);
    return reason(bundle.bytes(operator_));
  }
  Reason reason_with_payload(const std::string& padded) const {
    return reason_after([&](Bundle& bundle) { box_of(bundle, a_) = test::sealed(padded, a_.box_key); });
  }
  Reason reason_with_place(const PayloadPlace& place) const {
    return reason_with_payload(test::payload(place, {"id", "secret"}, crypto_box_SEALBYTES + 192));
  }
  static std::string& box_of(Bundle& bundle, const DeviceIdentity& who) {
    return std::find_if(bundle.entries.begin(), bundle.entries.end(),
                        [&](const auto& entry) { return entry.key == who.box_key; })
        ->box;
  }

  OperatorKey operator_ = test::operator_key();
  DeviceIdentity a_ = test::device("headset-a", 0x20);
  DeviceIdentity b_ = test::device("headset-b", 0x60);
  std::string good_ = test::small_bundle().bytes(operator_);
};

TEST_F(BundleReaderTest, EachDeviceOpensWhatIsSealedToIt) {
  for (const auto* who : {&a_, &b_}) {
    const auto opened = open(good_, *who);
    ASSERT_TRUE(opened) << explain(opened.error());
    EXPECT_EQ(opened->header, test::small_bundle().header);
    EXPECT_EQ(opened->wave, who == &a_ ? 0U : 1U);
    EXPECT_EQ(opened->client_id, "client-" + who->id);
    EXPECT_EQ(opened->client_secret, SecretBytes::copy_of("s3cret-of-" + who->id));
  }
}

TEST_F(BundleReaderTest, AnOperatorVerifiesWithoutOpening) {
  const BundleBytes source(octets(good_));
  EXPECT_EQ(verify_bundle(source, std::vector{operator_.public_key}).value().serial, 7U);
  EXPECT_EQ(verify_bundle(source, {}).error().reason, Reason::wrong_signer);
  EXPECT_EQ(read_bundle_header(source).value().profile, "prod-query");
}

TEST_F(BundleReaderTest, OneOfSeveralTrustedSignersIsEnough) {
  const std::vector trusted{test::operator_key(9).public_key, operator_.public_key};
  EXPECT_TRUE(open_bundle(BundleBytes(octets(good_)), trusted, a_));
}

TEST_F(BundleReaderTest, ADeviceThatIsNotInTheTableIsNotAddressed) {
  const auto opened = open(good_, test::device("headset-c", 0xa0));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, Reason::not_addressed);
}

TEST_F(BundleReaderTest, AnyAlteredByteIsRefused) {
  for (std::size_t i = 0; i < good_.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bytes = good_;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      EXPECT_FALSE(open(bytes, a_)) << "byte " << i;
      EXPECT_FALSE(verify_bundle(BundleBytes(octets(bytes)), std::vector{operator_.public_key}))
          << "byte " << i;
    }
  }
}

TEST_F(BundleReaderTest, CutAtAnyLengthItIsTruncated) {
  for (std::size_t size = 0; size < good_.size(); ++size)
    EXPECT_EQ(reason(good_.substr(0, size)), Reason::truncated) << size;
}

TEST_F(BundleReaderTest, OneByteTooManyIsRefused) {
  EXPECT_EQ(reason(good_ + '\0'), Reason::malformed);
  EXPECT_EQ(reason(good_ + good_), Reason::malformed);
}

TEST_F(BundleReaderTest, ASignerThatIsNotTrustedIsNamed) {
  Bundle bundle = test::small_bundle();
  const auto other = test::operator_key(9);
  bundle.header.signer = other.public_key;
  const auto opened = open(bundle.bytes(other), a_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, Reason::wrong_signer);
  EXPECT_NE(opened.error().detail.find(to_base64(other.public_key)), std::string::npos);
}

TEST_F(BundleReaderTest, ASignatureByAnotherKeyThanTheNamedOneIsBad) {
  EXPECT_EQ(reason(test::small_bundle().bytes(test::operator_key(9))), Reason::bad_signature);
}

TEST_F(BundleReaderTest, ASignatureOverTheBareBytesIsBad) {
  const std::string bytes = test::small_bundle().unsigned_bytes();
  Signature signature{};
  crypto_sign_state state;
  crypto_sign_init(&state);
  crypto_sign_update(&state, octets(bytes).data(), bytes.size());
  crypto_sign_final_create(&state, signature.data(), nullptr, operator_.secret.bytes().data());
  EXPECT_EQ(reason(bytes + std::string(signature.begin(), signature.end())), Reason::bad_signature);
}

TEST_F(BundleReaderTest, ClaimsOfAnySizeEndAtTheFilesOwn) {
  const auto claiming = [&](std::uint64_t devices, std::size_t box_bytes) {
    return reason_after([&](Bundle& bundle) {
      bundle.header.devices = devices;
      bundle.header.box_bytes = box_bytes;
    });
  };
  EXPECT_EQ(claiming(1'000'000, 48 + 10'048), Reason::truncated);
  EXPECT_EQ(claiming(k_max_devices, k_max_box - 48), Reason::malformed) << "no box has this size";
  EXPECT_EQ(claiming(k_max_devices + 1, 240), Reason::too_large);
  EXPECT_EQ(claiming(2, k_max_box + 64), Reason::too_large);
  EXPECT_EQ(claiming(std::uint64_t{1} << 59, 240), Reason::too_large) << "times 32 this would be nothing";
  EXPECT_EQ(claiming(std::uint64_t{1} << 63, 240), Reason::malformed);
}

TEST_F(BundleReaderTest, ABundleForNobodyIsMalformed) {
  EXPECT_EQ(reason_after([](Bundle& bundle) {
              bundle.entries.clear();
              bundle.header.devices = 0;
            }),
            Reason::malformed);
}

TEST_F(BundleReaderTest, ATableOutOfOrderIsMalformedEvenIfSigned) {
  const auto added = [this](const PublicKey& key) {
    return reason_after([&](Bundle& bundle) {
      bundle.entries.push_back({key, bundle.entries.back().box});
      bundle.header.devices = 3;
    });
  };
  const auto last = test::small_bundle().entries.back().key;
  EXPECT_EQ(added(last), Reason::malformed) << "one key twice";
  EXPECT_EQ(added(PublicKey{}), Reason::malformed) << "a smaller key behind";
  PublicKey greatest;
  greatest.fill(0xff);
  EXPECT_THROW(added(greatest), std::logic_error) << "in order it opens";
}

TEST_F(BundleReaderTest, AnotherDevicesBoxDoesNotOpen) {
  EXPECT_EQ(reason_after([](Bundle& bundle) { std::swap(bundle.entries[0].box, bundle.entries[1].box); }),
            Reason::cannot_open);
}

TEST_F(BundleReaderTest, ABoxOfAnotherDeviceProfileOrSerialIsRefused) {
  EXPECT_EQ(reason_with_place({"headset-b", "prod-query", 7, 0}), Reason::other_device);
  EXPECT_EQ(reason_with_place({"headset-a", "staging-write", 7, 0}), Reason::other_profile);
  EXPECT_EQ(reason_with_place({"headset-a", "prod-query", 6, 0}), Reason::other_serial);
  EXPECT_EQ(reason_with_place({"headset-a", "prod-query", 7, 2}), Reason::bad_payload)
      << "there is no such wave";
}

TEST_F(BundleReaderTest, ABoxWithAnythingElseInItIsRefused) {
  EXPECT_EQ(reason_with_payload(std::string(192, '\0')), Reason::bad_payload) << "no padding";
  EXPECT_EQ(reason_with_payload('\x80' + std::string(191, '\0')), Reason::bad_payload)
      << "nothing but padding";
}

TEST_F(BundleReaderTest, MemoryIsBoundedByTheHeaderThatIsRead) {
  EXPECT_EQ(reason(std::string(1'000'000, ' ')), Reason::malformed);
  EXPECT_EQ(reason("{" + std::string(k_max_header, ' ') + "}\n"), Reason::malformed);
}

// A file that somebody writes to while it is read: other bytes after so many reads.
class ChangingSource final : public BundleSource {
 public:
  ChangingSource(std::string before, std::string after, int reads)
      : before_(std::move(before)), after_(std::move(after)), reads_(reads) {}
  std::uint64_t size() const override { return before_.size(); }
  Verified<std::size_t> read(std::uint64_t offset, std::span<unsigned char> to) const override {
    return BundleBytes(octets(reads_-- > 0 ? before_ : after_)).read(offset, to);
  }

 private:
  std::string before_;
  std::string after_;
  mutable int reads_;
};

TEST_F(BundleReaderTest, WhatIsOpenedIsWhatWasVerified) {
  // Another genuine bundle of the same shape, which takes the place of this one at any moment.
  const std::string other = [&] {
    Bundle bundle = test::small_bundle();
    bundle.header.serial = 8;
    for (const auto* who : {&a_, &b_})
      box_of(bundle, *who) = test::sealed(
          test::payload({who->id, "prod-query", 8, 0}, {"id", "secret"}, bundle.header.box_bytes),
          who->box_key);
    return bundle.bytes(operator_);
  }();
  ASSERT_EQ(other.size(), good_.size());
  const std::vector trusted{operator_.public_key};
  std::vector<int> opened;
  for (int reads = 0; reads < 9; ++reads) {
    const auto result = open_bundle(ChangingSource(good_, other, reads), trusted, a_);
    if (!result) continue;
    opened.push_back(reads);
    EXPECT_EQ(result->header.serial, reads == 0 ? 8U : 7U);
    EXPECT_EQ(result->client_id, reads == 0 ? "id" : "client-headset-a");
  }
  EXPECT_EQ(opened, (std::vector{0, 6, 7, 8})) << "it takes six reads: all of the one, or all of the other";
}

TEST_F(BundleReaderTest, AFileThatShrinksMeanwhileIsTruncated) {
  const std::vector trusted{operator_.public_key};
  for (int reads = 1; reads < 6; ++reads) {
    const auto result = open_bundle(ChangingSource(good_, "", reads), trusted, a_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, Reason::truncated);
  }
}

TEST_F(BundleReaderTest, OnlyARegularFileIsOpened) {
  const fob::test::TempDirectory directory;
  const auto file = directory.path() / "bundle";
  std::ofstream(file, std::ios::binary) << good_;
  const auto source = BundleFile::open(file);
  ASSERT_TRUE(source);
  EXPECT_TRUE(open_bundle(*source, std::vector{operator_.public_key}, a_));

  const auto reason_of_opening = [](const std::filesystem::path& path) {
    const auto opened = BundleFile::open(path);
    return opened ? "" : opened.error().detail;
  };
  std::filesystem::create_symlink(file, directory.path() / "link");
  ASSERT_EQ(::mkfifo((directory.path() / "pipe").c_str(), 0600), 0);
  EXPECT_NE(reason_of_opening(directory.path() / "link").find("symbolic link"), std::string::npos);
  EXPECT_NE(reason_of_opening(directory.path() / "pipe").find("not a regular file"), std::string::npos);
  EXPECT_NE(reason_of_opening(directory.path()).find("not a regular file"), std::string::npos);
  EXPECT_NE(reason_of_opening(directory.path() / "none").find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace fob::fleet
