// The table of credentials: three bare values a line, each device once, and no error tells any of them.
#include "daemon/fleet/credentials.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace fob::fleet {
namespace {

Result<Credentials> table(std::string_view csv) {
  return Credentials::from_table(SecretBytes::copy_of(csv), "table.csv");
}
std::string fault(std::string_view csv) {
  const auto credentials = table(csv);
  return credentials ? "" : credentials.error().detail;
}
DeviceList devices(int count) {
  DeviceListReader reader("devices");
  for (int i = 0; i < count; ++i)
    EXPECT_TRUE(
        reader.feed(encode_enrol_line(test::device("d" + std::to_string(i), static_cast<unsigned char>(i)),
                                      test::at("2026-01-31T12:00:00Z")) +
                    "\n"));
  return reader.finish().value();
}

TEST(Credentials, OneForAll) {
  const auto credentials = Credentials::for_all("id", SecretBytes::copy_of("secret"));
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->of("anyone")->client_id, "id");
  EXPECT_EQ(credentials->of("anyone")->client_secret, "secret");
  EXPECT_TRUE(credentials->cover(devices(3)));
  EXPECT_EQ(credentials->lines(), 0U);
  EXPECT_FALSE(Credentials::for_all("", SecretBytes::copy_of("secret")));
  EXPECT_FALSE(Credentials::for_all("id", SecretBytes()));
}

TEST(Credentials, OneForEachDevice) {
  for (const char* csv :
       {"d1,id1,secret1\nd0,id0,secret0", "device,client_id,client_secret\nd0,id0,secret0\nd1,id1,secret1\n",
        "\xef\xbb\xbf"
        "d0 , id0 ,\tsecret0\r\n\r\nd1,id1,secret1\r\n"}) {
    const auto credentials = table(csv);
    ASSERT_TRUE(credentials) << credentials.error().detail;
    EXPECT_EQ(credentials->lines(), 2U);
    EXPECT_EQ(credentials->of("d0")->client_id, "id0");
    EXPECT_EQ(credentials->of("d1")->client_secret, "secret1");
    EXPECT_FALSE(credentials->of("d2"));
    EXPECT_TRUE(credentials->cover(devices(2)));
  }
}

TEST(Credentials, DevicesWithoutOneAreCountedAndTheFirstOnesNamed) {
  const auto credentials = table("d3,id,secret\nspare,id,secret\n");
  const auto covered = credentials->cover(devices(2));
  ASSERT_FALSE(covered);
  EXPECT_EQ(covered.error().detail.substr(0, 61),
            "2 of 2 devices have no line in the table of credentials: d0, ")
      << covered.error().detail;
  const std::string many = credentials->cover(devices(9)).error().detail;
  EXPECT_EQ(many.substr(0, 7), "8 of 9 ");
  EXPECT_NE(many.find(" and 3 more"), std::string::npos) << many;
}

TEST(Credentials, AWrongLineIsNamedAndNotShown) {
  EXPECT_EQ(fault("d0,id0,secret0\nd1,\"id1\",secret1\n"),
            "table.csv, line 2: quotes are not read here; write the three values bare: "
            "device,client_id,client_secret");
  EXPECT_EQ(fault("d0,id0\n"),
            "table.csv, line 1: it must hold three values: device,client_id,client_secret");
  EXPECT_EQ(fault("d0,id0,sec,ret\n"),
            "table.csv, line 1: it must hold three values: device,client_id,client_secret");
  EXPECT_EQ(fault("\nd0,id0,\n"), "table.csv, line 2: the client secret is empty");
  EXPECT_EQ(fault("d0,,secret\n"), "table.csv, line 1: the client id is empty");
  EXPECT_EQ(fault("d/0,id,secret\n"), "table.csv, line 1: the first value is no device's name");
  EXPECT_EQ(
      fault("d0,id,sec ret\n"),
      "table.csv, line 1: the client secret holds blanks, control characters or letters beyond ASCII, which "
      "none has");
  EXPECT_EQ(fault("d0,id,secret\nd1,id,secret\nd0,id,secret\n"),
            "table.csv, lines 1 and 3: two credentials for d0");
  EXPECT_EQ(fault("d0,id,secret\ndevice,client_id,client_secret\nd1;id;secret\n"),
            "table.csv, line 3: it must hold three values: device,client_id,client_secret");
  EXPECT_EQ(fault(""), "table.csv holds no credential");
  EXPECT_EQ(fault("device,client_id,client_secret\n"), "table.csv holds no credential");
}

TEST(Credentials, AreReadFromAFile) {
  const fob::test::TempDirectory directory;
  const auto path = directory.path() / "table.csv";
  EXPECT_EQ(read_credential_table(path).error().code, ErrorCode::usage);
  EXPECT_EQ(read_credential_table(directory.path()).error().code, ErrorCode::usage);
  std::ofstream(path) << "d0,id0,secret0\n";
  EXPECT_EQ(read_credential_table(path).value().of("d0")->client_secret, "secret0");
}

}  // namespace
}  // namespace fob::fleet
