// The devices file: read in pieces of any size, in the order of keys, each name and each key once.
#include "daemon/fleet/device_list.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "daemon/fleet/limits.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace fob::fleet {
namespace {

std::string line(std::string_view id, unsigned char first, std::string_view time = "2026-01-31T12:00:00Z") {
  return encode_enrol_line(test::device(id, first), test::at(time));
}

Result<DeviceList> read(std::string_view text, std::size_t piece = 1000) {
  DeviceListReader reader("devices");
  while (!text.empty()) {
    if (auto fed = reader.feed(text.substr(0, piece)); !fed) return fed.error();
    text.remove_prefix(std::min(piece, text.size()));
  }
  return reader.finish();
}
std::string fault(std::string_view text) {
  const auto list = read(text);
  return list ? "" : list.error().detail;
}

TEST(DeviceList, IsInTheOrderOfKeysHoweverTheTextComes) {
  const std::string text =
      "# our fleet\n\n" + line("a", 1) + "\r\n  \t\n" + line("b", 2) + "\n  " + line("c", 3) + "  ";
  for (const std::size_t piece : {1U, 7U, 64U, 100'000U}) {
    const auto list = read(text, piece);
    ASSERT_TRUE(list) << list.error().detail;
    ASSERT_EQ(list->size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto first = static_cast<unsigned char>(list->id(i)[0] - 'a' + 1);
      EXPECT_EQ(list->box_key(i), test::device(list->id(i), first).box_key);
      EXPECT_TRUE(i == 0 || list->box_key(i - 1) < list->box_key(i));
      EXPECT_EQ(list->line(i), first == 1 ? 3U : first == 2 ? 5U : 6U);
    }
  }
}

TEST(DeviceList, ALineThatComesTwiceCountsOnce) {
  const auto list = read(line("a", 1) + "\n" + line("b", 2) + "\n" + line("a", 1) + "\n" +
                         line("a", 1, "2026-02-01T00:00:00Z") + "\n");
  ASSERT_TRUE(list) << list.error().detail;
  EXPECT_EQ(list->size(), 2U);
}

TEST(DeviceList, OneNameWithTwoKeysNamesBothLines) {
  EXPECT_NE(fault("#\n" + line("b", 2) + "\n" + line("a", 1) + "\n" + line("a", 3) + "\n")
                .find("devices, lines 3 and 4: a is enrolled with two keys"),
            std::string::npos);
}

TEST(DeviceList, OneKeyWithTwoNamesNamesBothLines) {
  const std::string message = fault(line("a", 1) + "\n" + line("b", 2) + "\n" + line("c", 1) + "\n");
  EXPECT_NE(message.find("devices, lines 1 and 3: "), std::string::npos) << message;
  EXPECT_NE(message.find("have the same key"), std::string::npos) << message;
}

TEST(DeviceList, AWrongLineIsNamed) {
  EXPECT_NE(fault(line("a", 1) + "\n\nnonsense\n").find("devices, line 3: this is no enrol line"),
            std::string::npos);
  std::string altered = line("a", 1);
  altered[altered.find("\"a\"") + 1] = 'b';
  EXPECT_NE(fault(altered).find("devices, line 1: its signature does not fit"), std::string::npos);
  EXPECT_NE(fault("\n" + std::string(k_max_enrol_line + 1, '#')).find("devices, line 2: it is longer"),
            std::string::npos);
}

TEST(DeviceList, WithoutADeviceItIsAnError) {
  EXPECT_NE(fault("").find("enrols no device"), std::string::npos);
  EXPECT_NE(fault("# none\n").find("enrols no device"), std::string::npos);
}

TEST(DeviceList, IsReadFromAFile) {
  const fob::test::TempDirectory directory;
  const auto path = directory.path() / "devices";
  EXPECT_EQ(read_device_list(path).error().code, ErrorCode::usage);
  EXPECT_EQ(read_device_list(directory.path()).error().code, ErrorCode::usage);
  std::ofstream(path) << line("a", 1) << '\n';
  EXPECT_EQ(read_device_list(path).value().size(), 1U);
}

}  // namespace
}  // namespace fob::fleet
