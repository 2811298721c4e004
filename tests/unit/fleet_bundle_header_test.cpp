// The first line of a bundle, which is believed before anything is verified: hence checked to the last digit.
#include "daemon/fleet/bundle_header.hpp"
#include "daemon/fleet/limits.hpp"
#include "ipc/wire/json.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

using wire::Json;

class BundleHeaderTest : public testing::Test {
 protected:
  // The reason for which the header is refused once `name` is `value`.
  Reason reason_with(const char* name, const Json& value) const {
    Json json = Json::parse(encode_header(header_));
    json[name] = value;
    return reason(json.dump() + "\n");
  }
  static Reason reason(const std::string& line) {
    const auto parsed = parse_header(line);
    return parsed ? throw std::logic_error("it is accepted: " + line) : parsed.error().reason;
  }

  BundleHeader header_ = test::small_bundle().header;
};

TEST_F(BundleHeaderTest, IsOneLineOfJson) {
  EXPECT_EQ(encode_header(header_),
            R"({"fob_bundle":1,"profile":"prod-query","serial":7,"created":"2026-01-31T12:00:00Z",)"
            R"("not_before":"2026-02-01T00:00:00Z","not_after":"2026-03-01T00:00:00Z","devices":2,)"
            R"("box_bytes":240,"waves":[{"percent":50,"from":"2026-02-01T00:00:00Z"},)"
            R"({"percent":100,"from":"2026-02-03T00:00:00Z"}],)"
            R"("signer":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="})"
            "\n");
  EXPECT_EQ(parse_header(encode_header(header_) + "what follows").value(), header_);
}

TEST_F(BundleHeaderTest, TheLayoutIsTheSumOfTheParts) {
  const BundleLayout layout = layout_of(header_, 400);
  EXPECT_EQ(layout.table, 400U);
  EXPECT_EQ(layout.boxes, 400U + 2 * 32);
  EXPECT_EQ(layout.signature, 400U + 2 * 32 + 2 * 240);
  EXPECT_EQ(layout.end, 400U + 2 * 32 + 2 * 240 + 64);
  header_.devices = k_max_devices;
  header_.box_bytes = k_max_box;
  EXPECT_EQ(layout_of(header_, k_max_header).end, 4096U + 10'000'000ULL * (32 + 12'288) + 64);
}

TEST_F(BundleHeaderTest, TheLargestHeaderFits) {
  header_.profile = std::string(64, 'p');
  header_.serial = k_max_serial;
  header_.devices = k_max_devices;
  header_.waves.clear();
  for (unsigned i = 1; i <= k_max_waves; ++i)
    header_.waves.push_back({i == k_max_waves ? 100 : i, header_.not_before});
  const std::string line = encode_header(header_);
  EXPECT_LE(line.size(), k_max_header);
  EXPECT_EQ(parse_header(line).value(), header_);
}

TEST_F(BundleHeaderTest, FirstWavesAreNeverEmpty) {
  const auto up_to = [&](std::uint64_t devices, std::size_t wave) {
    header_.devices = devices;
    return devices_up_to(header_, wave);
  };
  header_.waves = {{5, header_.not_before}, {50, header_.not_before}, {100, header_.not_before}};
  EXPECT_EQ(up_to(1000, 0), 50U);
  EXPECT_EQ(up_to(1000, 1), 500U);
  EXPECT_EQ(up_to(1001, 0), 51U);
  EXPECT_EQ(up_to(1, 0), 1U);
  EXPECT_EQ(up_to(3, 1), 2U);
  EXPECT_EQ(up_to(k_max_devices, 2), k_max_devices);
}

TEST_F(BundleHeaderTest, EveryMemberIsCheckedForItsKind) {
  const Json json = Json::parse(encode_header(header_));
  for (const auto& [name, value] : json.items()) {
    Json without = json;
    without.erase(name);
    EXPECT_EQ(reason(without.dump() + "\n"), Reason::malformed) << name;
    for (const Json& wrong : {Json(nullptr), Json(true), Json(1.5), Json(-1), Json("text"), Json::array(),
                              Json(std::string(100, 'x'))}) {
      if (name == "profile" && wrong == "text") continue;
      EXPECT_EQ(reason_with(name.c_str(), wrong), Reason::malformed) << name << wrong;
    }
  }
}

TEST_F(BundleHeaderTest, AnUnknownOrRepeatedMemberIsRefused) {
  EXPECT_EQ(reason_with("note", "hello"), Reason::malformed);
  std::string line = encode_header(header_);
  line.insert(1, R"("serial":9,)");
  EXPECT_EQ(reason(line), Reason::malformed);
}

TEST_F(BundleHeaderTest, HugeNumbersAreRefused) {
  for (const char* number : {"18446744073709551615", "9223372036854775807", "1e300", "-9223372036854775808",
                             "99999999999999999999999999999999"}) {
    for (const char* name : {"serial", "devices", "box_bytes", "fob_bundle"})
      EXPECT_NE(reason_with(name, Json::parse(number)), Reason::bad_signature) << name << number;
  }
  EXPECT_EQ(reason_with("serial", k_max_serial + 1), Reason::malformed);
  EXPECT_EQ(reason_with("serial", 0), Reason::malformed);
  EXPECT_EQ(reason_with("devices", k_max_devices + 1), Reason::too_large);
  EXPECT_EQ(reason_with("box_bytes", k_max_box + 64), Reason::too_large);
  EXPECT_EQ(reason_with("box_bytes", 48), Reason::malformed);
  EXPECT_EQ(reason_with("box_bytes", 241), Reason::malformed);
}

TEST_F(BundleHeaderTest, AnotherFormatIsRefused) {
  EXPECT_EQ(reason_with("fob_bundle", 2), Reason::malformed);
}

TEST_F(BundleHeaderTest, WavesAscendTo100Percent) {
  const auto refused = [&](const char* waves) {
    return reason_with("waves", Json::parse(waves)) == Reason::malformed;
  };
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused(R"([{"percent":50,"from":"2026-02-01T00:00:00Z"}])"));
  EXPECT_TRUE(refused(R"([{"percent":0,"from":"2026-02-01T00:00:00Z"}])"));
  EXPECT_TRUE(refused(R"([{"percent":101,"from":"2026-02-01T00:00:00Z"}])"));
  EXPECT_TRUE(refused(R"([{"percent":100,"from":"2026-03-01T00:00:00Z"}])")) << "when all is over";
  EXPECT_TRUE(refused(R"([{"percent":100,"from":"2026-02-01T00:00:00Z","to":1}])"));
  EXPECT_TRUE(refused(R"([{"percent":100}])"));
  EXPECT_TRUE(refused(R"([[100]])"));
  EXPECT_TRUE(refused(R"([{"percent":50,"from":"2026-02-02T00:00:00Z"},)"
                      R"({"percent":100,"from":"2026-02-01T00:00:00Z"}])"));
  EXPECT_TRUE(refused(R"([{"percent":100,"from":"2026-02-01T00:00:00Z"},)"
                      R"({"percent":100,"from":"2026-02-01T00:00:00Z"}])"));
}

TEST_F(BundleHeaderTest, TimesHaveOneForm) {
  for (const char* time : {"2026-02-01T00:00:00+00:00", "2026-02-01 00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-02-01T24:00:00Z", "2026-02-01T00:60:00Z", "2026-02-01T00:00:60Z",
                           "1969-12-31T23:59:59Z", "2026-02-01T00:00:00.5Z", "2026-2-1T00:00:00Z", ""})
    EXPECT_EQ(reason_with("created", time), Reason::malformed) << time;
  EXPECT_EQ(reason_with("not_after", "2026-02-01T00:00:00Z"), Reason::malformed) << "over before it begins";
  EXPECT_EQ(to_text(time_from("1970-01-01T00:00:00Z").value()), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_text(time_from("9999-12-31T23:59:59Z").value()), "9999-12-31T23:59:59Z");
}

TEST_F(BundleHeaderTest, WithoutALineEndItIsCutOrNoBundle) {
  const std::string line = encode_header(header_);
  EXPECT_EQ(reason(""), Reason::truncated);
  EXPECT_EQ(reason(line.substr(0, line.size() - 1)), Reason::truncated);
  EXPECT_EQ(reason("{" + std::string(2 * k_max_header, ' ')), Reason::malformed);
  EXPECT_EQ(reason("PK\x03\x04"), Reason::malformed);
  EXPECT_EQ(reason("\n" + line), Reason::malformed);
  EXPECT_EQ(reason(std::string(100, '[') + "\n"), Reason::malformed);
}

}  // namespace
}  // namespace fob::fleet
