// The report over many receipts: the latest of each device counts, and the page is exact.
#include "daemon/fleet/enrol_line.hpp"
#include "daemon/fleet/report.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

Receipt receipt(std::string_view device, std::uint64_t serial, Outcome outcome, std::string_view reason = "",
                int minute = 0) {
  return {std::string(device),
          "prod-query",
          serial,
          outcome,
          std::string(reason),
          "",
          test::at("2026-02-01T08:00:00Z") + std::chrono::minutes(minute),
          0,
          "prod.fobbundle"};
}

Report report_of(const std::vector<Receipt>& receipts, const DeviceList* enrolled = nullptr) {
  ReportBuilder builder;
  for (const auto& one : receipts) builder.add(one);
  return builder.finish(enrolled);
}
std::uint64_t count(const Report& report, Outcome outcome, std::size_t bundle = 0) {
  return report.bundles.at(bundle).devices.at(static_cast<std::size_t>(outcome));
}

DeviceList devices(int number) {
  DeviceListReader reader("devices");
  for (int i = 0; i < number; ++i)
    EXPECT_TRUE(
        reader.feed(encode_enrol_line(test::device("d" + std::to_string(i), static_cast<unsigned char>(i)),
                                      test::at("2026-01-31T12:00:00Z")) +
                    "\n"));
  return reader.finish().value();
}

TEST(Report, TheLatestReceiptOfADeviceCountsInAnyOrder) {
  std::vector<Receipt> receipts = {receipt("a", 7, Outcome::waiting, "later-wave", 0),
                                   receipt("a", 7, Outcome::failed, "unreachable", 1),
                                   receipt("a", 7, Outcome::applied, "", 2)};
  for (int turn = 0; turn < 6; ++turn) {
    const auto report = report_of(receipts);
    EXPECT_EQ(count(report, Outcome::applied), 1U);
    EXPECT_EQ(count(report, Outcome::failed), 0U);
    EXPECT_TRUE(report.attention.empty());
    EXPECT_EQ(report.receipts, 3U);
    std::next_permutation(receipts.begin(), receipts.end(),
                          [](const auto& x, const auto& y) { return x.time < y.time; });
  }
}

TEST(Report, SeeingABundleAgainSaysNothingNew) {
  const auto applied = receipt("a", 7, Outcome::applied, "", 0);
  const auto again = receipt("a", 7, Outcome::refused, "replayed", 9);
  for (const auto& receipts : {std::vector{applied, again}, std::vector{again, applied}}) {
    const auto report = report_of(receipts);
    EXPECT_EQ(count(report, Outcome::applied), 1U);
    EXPECT_EQ(count(report, Outcome::refused), 0U);
  }
  EXPECT_EQ(count(report_of({again}), Outcome::refused), 1U);
  EXPECT_TRUE(report_of({again}).attention.empty());
}

TEST(Report, ATroubleIsOverOnceANewerSerialIsThere) {
  const auto report = report_of({receipt("a", 7, Outcome::rejected), receipt("a", 8, Outcome::applied, "", 1),
                                 receipt("b", 7, Outcome::rejected)});
  ASSERT_EQ(report.bundles.size(), 2U);
  EXPECT_EQ(report.bundles[0].serial, 8U) << "the newest first";
  EXPECT_EQ(count(report, Outcome::rejected, 1), 2U);
  ASSERT_EQ(report.attention.size(), 1U);
  EXPECT_EQ(report.attention[0].device, "b");
}

TEST(Report, AFileThatIsNoBundleIsForgottenOnceSomethingNewerCame) {
  Receipt nonsense = receipt("a", 0, Outcome::refused, "malformed", 5);
  nonsense.profile = "";
  EXPECT_EQ(report_of({nonsense, receipt("a", 7, Outcome::applied, "", 4)}).attention.size(), 1U);
  EXPECT_EQ(report_of({nonsense, receipt("a", 7, Outcome::applied, "", 6)}).attention.size(), 0U);
}

TEST(Report, IsATableForPeople) {
  const auto enrolled = devices(8);
  Receipt rejected = receipt("d3", 7, Outcome::rejected, "rejected", 3);
  rejected.detail = "The authority says 401; see that the credential is active.";
  Receipt nonsense = receipt("d4", 0, Outcome::refused, "malformed", 4);
  nonsense.profile = "";
  const auto report = report_of(
      {receipt("d0", 7, Outcome::applied), receipt("d1", 7, Outcome::applied),
       receipt("d2", 7, Outcome::waiting, "later-wave"), rejected, receipt("d0", 6, Outcome::applied),
       receipt("d5", 7, Outcome::refused, "bad-signature"), nonsense},
      &enrolled);
  EXPECT_EQ(to_table(report, 2),
            R"(profile     serial  applied  staged  waiting  refused  rejected  failed  silent
-                0        0       0        0        1         0       0       -
prod-query       7        2       0        1        1         1       0       3
prod-query       6        1       0        0        0         0       0       -

needs attention: 3
  d4  a file that is no bundle  refused   malformed  2026-02-01T08:04:00Z  This is not a fleet bundle as this version of fob knows it. See that it is the file that `fob fleet seal` wrote, and that fob is not older than the one that wrote it.
  d3  prod-query 7              rejected  rejected   2026-02-01T08:03:00Z  The authority says 401; see that the credential is active.
  and 1 more

silent on prod-query 7: 3
  d4
  d6
  and 1 more
)");
}

TEST(Report, IsAJsonDocumentForPrograms) {
  const auto enrolled = devices(2);
  EXPECT_EQ(
      to_json(report_of({receipt("d0", 7, Outcome::failed, "store")}, &enrolled)),
      R"({"receipts":1,"bundles":[{"profile":"prod-query","serial":7,"applied":0,"staged":0,"waiting":0,)"
      R"("refused":0,"rejected":0,"failed":1,"silent":["d1"]}],"attention":[{"device":"d0",)"
      R"("profile":"prod-query","serial":7,"outcome":"failed","reason":"store","detail":"",)"
      R"("time":"2026-02-01T08:00:00Z","version":0,"bundle":"prod.fobbundle"}]})"
      "\n");
}

TEST(Report, WithoutReceiptsSaysSo) {
  EXPECT_EQ(to_table(report_of({})), "no receipts\n");
  EXPECT_EQ(to_json(report_of({})), "{\"receipts\":0,\"bundles\":[],\"attention\":[]}\n");
}

}  // namespace
}  // namespace fob::fleet
