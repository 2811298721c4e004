// What the doctor concludes from what it sees, and how it is shown.
#include "daemon/cli/doctor_command.hpp"
#include "daemon/doctor/files.hpp"
#include "daemon/doctor/probing.hpp"
#include "daemon/doctor/running.hpp"
#include "daemon/doctor/system.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/shell_word.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::doctor {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using wire::Probe;
using wire::ProbeStep;

constexpr WallTime k_now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1} + 12h};

class Doctor : public ::testing::Test {
 protected:
  Patient patient(uid_t user = 0, bool units = false) const { return kept_by(units ? 0 : user, user, units); }
  Patient kept_by(uid_t keeper, uid_t user, bool units = false) const {
    Patient patient{{"/etc/fob/fob.toml", "/run/fob", "/var/lib/fob"},
                    {"/etc/fob/fob.toml", "/run/fob", "/var/lib/fob"},
                    "fob",
                    units,
                    user,
                    keeper,
                    clock_};
    return patient;
  }
  static config::Profile profile() {
    config::Profile profile;
    profile.name = "prod";
    profile.endpoint = "https://auth.example/token?key=1";
    return profile;
  }
  std::vector<Finding> judged(const Probe& probe, const config::Profile& profile = Doctor::profile()) const {
    return judge_probe(patient(), "prod, test", profile, probe, k_now);
  }
  static const Finding& of(const std::vector<Finding>& findings, Check check) {
    for (const auto& finding : findings)
      if (finding.check == check) return finding;
    throw std::runtime_error("no such finding");
  }
  static Probe answered() {
    Probe probe;
    probe.status = 405;
    probe.authority_time = std::chrono::floor<std::chrono::seconds>(k_now);
    probe.clock_skew = 0ms;
    probe.trusted_until = std::chrono::floor<std::chrono::seconds>(k_now) + 24h * 90;
    return probe;
  }
  static Probe failed(ProbeStep step, ErrorCode code = ErrorCode::unreachable) {
    Probe probe;
    probe.failure = {step, code, "so it is"};
    return probe;
  }
  test::ManualClock clock_;
};

TEST_F(Doctor, TakesTheCommandOutOfTheEndOfAMessage) {
  const auto told = [&](Check check, ErrorCode code, const std::string& text,
                        const std::string& otherwise = "") {
    return failure(patient(), check, fail(code, text), otherwise);
  };
  const auto mode = told(Check::configuration, ErrorCode::config, "F can be written; run: chmod go-w F", "x");
  EXPECT_EQ(mode.check, Check::permissions);
  EXPECT_EQ(mode.what, "F can be written");
  EXPECT_EQ(mode.mend, "chmod go-w F");
  const auto odd = told(Check::store, ErrorCode::store_locked, "F: no; run: chown 0 '/a (1)/F'");
  EXPECT_EQ(odd.mend, "chown 0 '/a (1)/F'");
  for (const std::string before : {"bad. Enrol again: ", "bad, enrol again: ", "bad; enrol again: "}) {
    const auto damaged = told(Check::store, ErrorCode::store_damaged, before + "fob credential remove p");
    EXPECT_EQ(damaged.check, Check::store);
    EXPECT_EQ(damaged.mend, "fob credential remove p") << before;
  }
  const auto plain = told(Check::store, ErrorCode::store, "no room", "df");
  EXPECT_EQ(plain.what, "no room");
  EXPECT_EQ(plain.mend, "df");
}

TEST_F(Doctor, WritesACommandAsWhoAsksHasToWriteIt) {
  const auto mend = [](const Patient& who, const std::string& text) {
    return failure(who, Check::store, fail(ErrorCode::store_damaged, text), "").mend;
  };
  auto elsewhere = kept_by(1000, 0);
  elsewhere.fob = "fob --config /x/fob.toml";
  EXPECT_EQ(mend(elsewhere, "bad, enrol again: fob credential remove p && fob credential add p"),
            "sudo -u '#1000' fob --config /x/fob.toml credential remove p && "
            "sudo -u '#1000' fob --config /x/fob.toml credential add p");
  EXPECT_EQ(mend(patient(1000), "F; run: chown root F"), "sudo chown root F");
  EXPECT_EQ(mend(patient(1000), "F; run: chmod go-w /etc/passwd"), "sudo chmod go-w /etc/passwd");
  EXPECT_EQ(mend(patient(0), "F; run: chmod go-w /etc/passwd"), "chmod go-w /etc/passwd");
}

TEST_F(Doctor, StartsAndEndsFobdAsTheUserWhoseItIs) {
  EXPECT_THAT(kept_by(1000, 0).start(), ::testing::StartsWith("sudo -u '#1000' nohup "));
  EXPECT_THAT(kept_by(0, 1000).start(), ::testing::StartsWith("sudo nohup "));
  EXPECT_THAT(kept_by(1000, 1000).restart(42), ::testing::StartsWith("kill -KILL 42; nohup "));
  EXPECT_THAT(kept_by(1000, 1000).restart(std::nullopt), ::testing::StartsWith("nohup "));
  EXPECT_EQ(patient(0, true).restart(42), "systemctl restart fob.service");
}

TEST_F(Doctor, KnowsWhoseFobdItIsAlsoWhereNoneRuns) {
  const test::TempDirectory directory;
  const config::Locations at{directory.path() / "fob.toml", directory.path(), directory.path() / "state"};
  EXPECT_EQ(keeper_of(at, at, false, 77), 77U) << "nothing is there yet: it will be whose who starts it";
  std::filesystem::create_directory(at.state_dir);
  EXPECT_EQ(keeper_of(at, at, false, 77), ::geteuid());
  EXPECT_EQ(keeper_of(at, at, true, 77), 0U);
}

TEST_F(Doctor, QuotesForAShell) {
  EXPECT_EQ(in_shell("/etc/fob/fob.toml"), "/etc/fob/fob.toml");
  EXPECT_EQ(in_shell("/a b"), "'/a b'");
  EXPECT_EQ(in_shell("it's $HOME"), R"('it'\''s $HOME')");
  EXPECT_EQ(in_shell(""), "''");
}

TEST_F(Doctor, SaysSudoToThoseAloneWhoNeedIt) {
  EXPECT_EQ(patient(0, true).operators("reload"), "fob reload");
  EXPECT_EQ(patient(1000, true).operators("reload"), "sudo fob reload");
  EXPECT_EQ(patient(1000, false).operators("reload"), "fob reload");
  EXPECT_EQ(patient(1000, true).start(), "sudo systemctl restart fob.socket fob.service");
  EXPECT_THAT(patient(1000, false).start(), HasSubstr("--runtime-dir /run/fob"));
}

TEST_F(Doctor, PassesAWayThatIsClearAndShowsNoPathOfTheEndpoint) {
  for (const auto& finding : judged(answered())) {
    EXPECT_EQ(finding.verdict, Verdict::pass) << finding.what;
    EXPECT_EQ(finding.what.find("key=1"), std::string::npos) << finding.what;
  }
}

TEST_F(Doctor, NamesTheStepThatFailedAndSkipsThoseBehindIt) {
  const std::pair<ProbeStep, Check> steps[] = {{ProbeStep::configuration, Check::endpoint},
                                               {ProbeStep::dns, Check::dns},
                                               {ProbeStep::connection, Check::endpoint},
                                               {ProbeStep::certificate_ended, Check::tls},
                                               {ProbeStep::certificate_untrusted, Check::tls},
                                               {ProbeStep::tls, Check::tls},
                                               {ProbeStep::http, Check::endpoint}};
  for (const auto& [step, check] : steps) {
    int fails = 0;
    for (const auto& finding : judged(failed(step))) {
      if (finding.verdict != Verdict::fail) continue;
      ++fails;
      EXPECT_EQ(finding.check, check);
      EXPECT_THAT(finding.what, HasSubstr("prod, test: so it is"));
      EXPECT_NE(finding.mend, "");
    }
    EXPECT_EQ(fails, 1) << static_cast<int>(step);
  }
  EXPECT_EQ(of(judged(failed(ProbeStep::dns)), Check::tls).verdict, Verdict::skip);
  EXPECT_EQ(of(judged(failed(ProbeStep::dns)), Check::endpoint).verdict, Verdict::skip);
  EXPECT_EQ(of(judged(failed(ProbeStep::http)), Check::tls).verdict, Verdict::pass);
}

TEST_F(Doctor, NamesTheProxyWithoutItsPassword) {
  auto by_proxy = profile();
  by_proxy.proxy = "http://me:hush@proxy:3128";
  const auto well = of(judged(answered(), by_proxy), Check::proxy);
  EXPECT_EQ(well.verdict, Verdict::pass);
  EXPECT_EQ(well.what.find("hush"), std::string::npos) << well.what;
  EXPECT_EQ(of(judged(failed(ProbeStep::proxy), by_proxy), Check::proxy).verdict, Verdict::fail);
}

TEST_F(Doctor, MendsTrustInACaFileWithTheRightOne) {
  auto own = profile();
  own.ca_file = "/etc/fob/ca.pem";
  EXPECT_THAT(of(judged(failed(ProbeStep::certificate_untrusted, ErrorCode::tls), own), Check::tls).mend,
              HasSubstr("THE-RIGHT-CA.pem /etc/fob/ca.pem"));
  EXPECT_THAT(of(judged(failed(ProbeStep::certificate_untrusted, ErrorCode::tls)), Check::tls).mend,
              HasSubstr("update-ca-certificates"));
}

TEST_F(Doctor, WarnsOfACertificateThatSoonEnds) {
  auto probe = answered();
  probe.trusted_until = std::chrono::floor<std::chrono::seconds>(k_now) + 24h * 13;
  EXPECT_EQ(of(judged(probe), Check::tls).verdict, Verdict::warn);
}

TEST_F(Doctor, JudgesTheClockByTheAuthoritys) {
  auto probe = answered();
  const auto clock = [&](std::chrono::milliseconds skew) {
    probe.clock_skew = skew;
    return of(judged(probe), Check::clock);
  };
  EXPECT_EQ(clock(29s).verdict, Verdict::pass);
  EXPECT_EQ(clock(-31s).verdict, Verdict::warn);
  EXPECT_THAT(clock(-31s).what, HasSubstr("31 s behind"));
  EXPECT_EQ(clock(5min).verdict, Verdict::fail);
  EXPECT_THAT(clock(3h).what, HasSubstr("3 h ahead of"));
  EXPECT_EQ(clock(3h).code, ErrorCode::clock_wrong);
  EXPECT_EQ(clock(24h * 400).mend, "date -u -s '2026-06-01 12:00:00'");
  const auto tls = judged(failed(ProbeStep::certificate_untrusted, ErrorCode::clock_wrong));
  EXPECT_EQ(of(tls, Check::clock).verdict, Verdict::fail);
  EXPECT_EQ(of(tls, Check::clock).mend, "timedatectl set-ntp true");
  EXPECT_EQ(of(tls, Check::tls).verdict, Verdict::skip);
}

TEST_F(Doctor, WarnsOfAnAnswerThatIsNoneOfATokenEndpoints) {
  auto probe = answered();
  for (const int status : {302, 500, 503}) {
    probe.status = status;
    EXPECT_EQ(of(judged(probe), Check::endpoint).verdict, Verdict::warn) << status;
  }
  for (const int status : {200, 401, 404, 405}) {
    probe.status = status;
    EXPECT_EQ(of(judged(probe), Check::endpoint).verdict, Verdict::pass) << status;
  }
}

TEST_F(Doctor, NamesUnitsThatFailedDoNotListenOrAreMissing) {
  const std::string shown =
      "Id=fob.socket\nLoadState=loaded\nActiveState=active\nResult=success\n\n"
      "Id=fob.service\nLoadState=loaded\nActiveState=failed\nResult=exit-code\n\n"
      "Id=fob-witness.socket\nLoadState=loaded\nActiveState=inactive\nResult=success\n\n"
      "Id=fob-promote.socket\nLoadState=not-found\nActiveState=inactive\nResult=success\n\n"
      "Id=fob-inbox.path\nLoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n\n"
      "Id=fob-inbox.timer\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n";
  const auto findings = judge_units(patient(0, true), shown);
  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings[3].what, "fob-inbox.path is not active");
  EXPECT_EQ(findings[0].mend, "systemctl reset-failed fob.service; systemctl restart fob.service");
  EXPECT_EQ(findings[1].mend, "systemctl enable --now fob-witness.socket");
  EXPECT_THAT(findings[2].what, HasSubstr("fob-promote.socket is not installed"));
  const auto well = judge_units(patient(0, true), "Id=a.service\nLoadState=loaded\nActiveState=inactive\n");
  ASSERT_EQ(well.size(), 1U);
  EXPECT_EQ(well[0].verdict, Verdict::pass);
}

// ---- by fobd's status

config::Config configured() {
  config::Config config;
  config::Profile profile;
  profile.name = "prod";
  profile.authority = config::Authority::oauth2;
  profile.scopes = {"query", "write"};
  config.profiles.emplace("prod", profile);
  return config;
}

std::vector<Finding> by_status(const Patient& patient, const std::string& profile,
                               const config::Config& config = configured(),
                               const store::Listing* listing = nullptr) {
  AskedDaemon daemon;
  daemon.answers = true;
  daemon.status = *wire::parse_object(R"({"profiles":[)" + profile + "]}", 4096, ErrorCode::internal);
  return judge_profiles(patient, config, daemon, listing);
}

TEST_F(Doctor, ReadsCredentialScopesAndTokenOutOfTheStatus) {
  const auto well =
      by_status(patient(), R"({"name":"prod","state":"valid","expires_in":240,"scopes":["query","write"],
    "credential_version":3,"failing":false})");
  for (const auto& finding : well) EXPECT_EQ(finding.verdict, Verdict::pass) << finding.what;
  ASSERT_EQ(well.size(), 3U);

  const auto alarmed =
      by_status(patient(), R"({"name":"prod","state":"valid","expires_in":240,"scopes":["query"],
    "failing":true,"last_error":{"kind":"rejected","detail":"no"},
    "alarm":{"kind":"rejected","detail":"no","since":"2026-01-31T00:00:00Z","offer":"rollback"}})");
  EXPECT_EQ(of(alarmed, Check::credential).verdict, Verdict::fail);
  EXPECT_EQ(of(alarmed, Check::credential).code, ErrorCode::rejected);
  EXPECT_EQ(of(alarmed, Check::credential).mend, "fob credential rollback prod");
  EXPECT_EQ(of(alarmed, Check::scopes).verdict, Verdict::warn);
  EXPECT_THAT(of(alarmed, Check::scopes).what, HasSubstr("not write"));
  EXPECT_EQ(of(alarmed, Check::token).verdict, Verdict::warn);

  const auto none = by_status(patient(), R"({"name":"prod","state":"none","failing":true,
    "last_error":{"kind":"no-credential","detail":"none"}})");
  EXPECT_EQ(of(none, Check::credential).mend, "fob credential add prod");
  EXPECT_EQ(of(none, Check::token).verdict, Verdict::fail);
  EXPECT_EQ(of(none, Check::token).code, ErrorCode::no_credential);
  EXPECT_EQ(of(by_status(patient(), R"({"name":"prod","state":"idle"})"), Check::token).verdict,
            Verdict::pass);
  EXPECT_EQ(of(by_status(patient(), R"({"name":"other"})"), Check::token).mend, "fob reload");
}

TEST_F(Doctor, DoesNotHaveEnrolledAgainWhatIsStored) {
  store::SlotSummary current;
  current.profile = "prod";
  current.version = 3;
  current.store = config::StoreKind::systemd_creds;
  const store::Listing listing{{current}, {}, {}};
  const std::string none = R"({"kind":"no-credential","detail":"none"})";
  for (const std::string& why : {R"("failing":true,"last_error":)" + none,
                                 R"("failing":true,"last_error":)" + none + R"(,"alarm":)" + none}) {
    const std::string state = R"({"name":"prod","state":"expired",)" + why + "}";
    const auto by_units = of(by_status(patient(0, true), state, configured(), &listing), Check::credential);
    EXPECT_EQ(by_units.what, "prod: version 3 is stored, but fobd has not found fob-exchange@prod.socket");
    EXPECT_EQ(by_units.mend, "systemctl enable --now fob-exchange@prod.socket && fob refresh prod");
    EXPECT_EQ(by_units.code, ErrorCode::no_credential);
    const auto by_hand = of(by_status(patient(), state, configured(), &listing), Check::credential);
    EXPECT_EQ(by_hand.mend, "fob refresh prod");
  }
}

TEST_F(Doctor, NamesACaFileThatTheUnitsDoNotSee) {
  const test::TempDirectory directory;
  const auto ca = directory.path() / "ca.pem";
  auto looked_at = patient(0, true);
  looked_at.at.config_file = directory.path() / "fob.toml";
  const std::string text = "[profile.prod]\nca_file = \"" + ca.string() + "\"\n";
  ASSERT_TRUE(replace_file(ca, "a certificate", 0600, ErrorCode::config));
  ASSERT_TRUE(replace_file(looked_at.at.config_file, text, 0600, ErrorCode::config));
  const auto seen = read_configuration(looked_at).findings;
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].verdict, Verdict::fail);
  EXPECT_THAT(seen[1].what, HasSubstr("is where fob's units see nothing"));
  looked_at.units = false;
  EXPECT_EQ(read_configuration(looked_at).findings.size(), 1U);
}

TEST_F(Doctor, ClaimsNoScopesOfAVendorWhoNamesNone) {
  auto config = configured();
  config.profiles.at("prod").authority = config::Authority::multiset;
  const auto found = by_status(patient(), R"({"name":"prod","state":"valid","scopes":["query"]})", config);
  EXPECT_EQ(of(found, Check::scopes).verdict, Verdict::skip);
}

TEST_F(Doctor, LivesWithAStatusOfOddMembers) {
  for (const std::string odd : {R"({"name":"prod","failing":3,"last_error":7,"alarm":[],"scopes":{}})",
                                R"({"name":"prod","alarm":{},"last_error":{}},7)"})
    EXPECT_FALSE(by_status(patient(), odd).empty());
}

// ---- shown

TEST_F(Doctor, ExitsWithTheStatusOfTheFirstFailure) {
  EXPECT_EQ(cli::exit_status_of({pass(Check::store, "a"), warn(Check::key, "b", "")}), 0);
  EXPECT_EQ(cli::exit_status_of({failure(Check::configuration, ErrorCode::config, "a", ""),
                                 failure(Check::daemon, ErrorCode::daemon_not_running, "b", "")}),
            7);
}

TEST_F(Doctor, ShowsALineForEachFindingAndTheCommandBelow) {
  EXPECT_EQ(cli::doctor_screen({pass(Check::dns, "prod: known"), warn(Check::tls, "soon\nover", "x"),
                                failure(Check::daemon, ErrorCode::daemon_not_running, "no", "start it")},
                               false),
            "pass  dns            prod: known\n"
            "warn  tls            soon over\n"
            "                     $ x\n"
            "fail  daemon         no\n"
            "                     $ start it\n"
            "1 failed, 1 to look at; begin with the first, since what follows may come of it\n");
  EXPECT_EQ(cli::doctor_screen({pass(Check::dns, "a")}, false), "pass  dns            a\nall is well\n");
  EXPECT_THAT(cli::doctor_screen({failure(Check::dns, ErrorCode::tls, "a", "")}, true),
              HasSubstr("\033[31mfail"));
}

TEST_F(Doctor, TellsTheSameAsJson) {
  EXPECT_EQ(
      cli::doctor_json({pass(Check::dns, "a"), failure(Check::units, ErrorCode::internal, "b", "c")}, k_now),
      R"({"version":")" FOB_VERSION
      R"(","at":"2026-06-01T12:00:00Z","verdict":"fail","checks":[{"check":"dns","verdict":"pass","what":"a",)"
      R"("mend":null},{"check":"units","verdict":"fail","what":"b","mend":"c"}]})"
      "\n");
}

}  // namespace
}  // namespace fob::doctor
