// What operators learn of who asked and who may: the audit's records and their text, and explanations.
#include "daemon/broker/audit_text.hpp"
#include "ipc/base/journal.hpp"
#include "ipc/wire/json.hpp"
#include "tests/component/broker_fixture.hpp"

#include <gmock/gmock.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace fob::broker {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class AccessTest : public BrokerTest {
 protected:
  Response operators_ask(Broker& broker, const std::string& target) {
    return ask(operator_interface(broker, clock_, {::geteuid(), std::nullopt}), "GET", target);
  }
  wire::Json explained(Broker& broker, const std::string& query) {
    const auto response = operators_ask(broker, "/v1/explain?" + query);
    EXPECT_EQ(response.status, 200) << response.body;
    return wire::Json::parse(response.body);
  }
  std::string refused_query(Broker& broker, const std::string& query, int status) {
    const auto response = operators_ask(broker, "/v1/explain?" + query);
    EXPECT_EQ(response.status, status) << response.body;
    return response.body;
  }
  static transport::Peer stranger() { return {::geteuid() + 1, ::getegid() + 1, 1, {}}; }
  static const core::AuditRecord& last(const Broker& broker) { return broker.audit()->kept().back(); }
};

TEST_F(AccessTest, ATokenIsRecordedByItsFingerprint) {
  const auto broker = make_broker();
  ASSERT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p").status, 200);
  const auto& record = last(*broker);
  EXPECT_EQ(record.what, "token");
  EXPECT_EQ(record.profile, "p");
  EXPECT_TRUE(record.granted);
  EXPECT_EQ(record.fingerprint, (*broker->keeper("p"))->status().token->fingerprint);
  EXPECT_EQ(record.peer.pid, ::getpid());
  EXPECT_EQ(record.outcome, "");
  const auto text = wire::dump(to_json(record)) + audit_line(record);
  EXPECT_THAT(text, Not(HasSubstr("token-1"))) << "never the token itself";
}

TEST_F(AccessTest, ARefusalIsRecordedWithItsReason) {
  const auto broker = make_broker();
  ASSERT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p", "", "", stranger()).status,
            403);
  EXPECT_FALSE(last(*broker).granted);
  EXPECT_EQ(last(*broker).outcome, "urn:fob:not-granted");
  EXPECT_THAT(last(*broker).why, HasSubstr("without any [[grant]]"));
  ASSERT_TRUE(reload_with(*broker, std::string(k_config) + "[[grant]]\nprofiles = [\"p\"]\nuser = \"root\"\n"
                                                           "unit = \"other.service\"\n"));
  ask(app_interface(*broker, clock_), "GET", "/v1/events?profile=p", "", "", stranger());
  EXPECT_EQ(last(*broker).what, "events");
  EXPECT_THAT(last(*broker).why,
              AllOf(HasSubstr("grant 1 ("), HasSubstr("fob.toml:"), HasSubstr("not root")));
}

TEST_F(AccessTest, ATokenThatIsNotToBeHadIsRecordedAsSuch) {
  failure_ = {ErrorCode::unreachable, 0, "no network", std::nullopt};
  const auto broker = make_broker();
  ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p&wait=0.1");
  EXPECT_TRUE(last(*broker).granted);
  EXPECT_EQ(last(*broker).outcome, "urn:fob:authority-unreachable");
  EXPECT_EQ(last(*broker).fingerprint, "");
}

TEST_F(AccessTest, AHotLoopIsOneRecordAndACount) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  for (int i = 0; i < 100; ++i) ask(handler, "GET", "/v1/token?profile=p", "", "", stranger());
  EXPECT_EQ(broker->audit()->kept().size(), 1u);
  clock_.advance(60s);
  ask(handler, "GET", "/v1/token?profile=p", "", "", stranger());
  ASSERT_EQ(broker->audit()->kept().size(), 2u);
  EXPECT_EQ(last(*broker).repeats, 99u);
}

TEST_F(AccessTest, OperatorsCallsAreRecorded) {
  const auto broker = make_broker();
  const auto handler = operator_interface(*broker, clock_, {::geteuid(), std::nullopt});
  EXPECT_EQ(ask(handler, "GET", "/v1/status?x=1", "", "", stranger()).status, 403);
  EXPECT_EQ(last(*broker).what, "operator GET /v1/status");
  EXPECT_FALSE(last(*broker).granted);
  const auto records = wire::Json::parse(operators_ask(*broker, "/v1/audit?follow=0").body)["records"];
  ASSERT_EQ(records.size(), 2u) << "asking for the audit is in it";
  EXPECT_EQ(records[1]["what"], "operator GET /v1/audit");
  EXPECT_EQ(records[0]["decision"], "refused");
  EXPECT_EQ(operators_ask(*broker, "/v1/audit?follow=2").status, 400);
}

TEST_F(AccessTest, TextsAreFreeOfWhatAProcessCouldForge) {
  core::AuditRecord record;
  record.what = "token";
  record.profile = "p";
  record.peer.uid = 7;
  record.peer.exe = core::Fact::known("/tmp/x\nFOB_DECISION=granted");
  for (const auto& [name, value] : journal_fields(record)) EXPECT_EQ(value.find('\n'), value.npos) << name;
  EXPECT_THAT(journal_fields(record), Contains(Pair("FOB_PEER_EXE", "/tmp/x FOB_DECISION=granted")));
  EXPECT_THAT(journal_fields(record), Contains(Pair("FOB_DECISION", "refused")));
  EXPECT_THAT(journal_fields(record), Contains(Pair("FOB_PEER_UID", "7")));
  EXPECT_EQ(audit_line(record).find('\n'), std::string::npos);
}

TEST_F(AccessTest, ALineSaysAllThatIsKnown) {
  core::AuditRecord record;
  record.what = "token";
  record.peer.pid = 12;
  EXPECT_EQ(audit_line(record), "audit: refused token to process 12 of user ?");
  record.granted = true;
  record.profile = "p";
  record.grant = 2;
  record.fingerprint = "01234567";
  record.outcome = "urn:fob:x";
  record.why = "because";
  record.repeats = 3;
  record.peer.uid = 7;
  record.peer.unit = core::Fact::known("app.service");
  record.peer.exe = core::Fact::known("/usr/bin/app");
  EXPECT_EQ(audit_line(record),
            "audit: granted token of p to process 12 of user 7, unit app.service, program /usr/bin/app, by "
            "grant 2, "
            "token 01234567, answered with urn:fob:x: because (the same 3 times more before)");
  const auto json = to_json(record);
  EXPECT_EQ(json["repeats"], 3);
  EXPECT_EQ(json["peer_unit"], "app.service");
}

TEST_F(AccessTest, TheJournalTakesRecordsWithFields) {
  const std::string path = (directory_.path() / "journal").string();
  const UniqueFd listener(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  struct stat about {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &about), 0);
  const std::string ours = std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino);
  const auto journal_with = [&](const std::string& stream) { return Journal::of(stream, "fobd", path); };
  EXPECT_FALSE(journal_with("1:1").present()) << "stderr goes elsewhere";
  EXPECT_FALSE(Journal().send(Priority::info, "m", {}));
  const auto journal = journal_with(ours);
  ASSERT_TRUE(journal.present());
  journal.write(Priority::notice, "a message", {{"FOB_DECISION", "refused"}});
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(::recv(listener.get(), text.data(), text.size(), 0)));
  EXPECT_EQ(text, "MESSAGE=a message\nPRIORITY=5\nSYSLOG_IDENTIFIER=fobd\nFOB_DECISION=refused\n");
}

TEST_F(AccessTest, ALivingProcessIsExplained) {
  const auto broker = make_broker();
  const auto json = explained(*broker, "pid=" + std::to_string(::getpid()));
  EXPECT_EQ(json["pid"], ::getpid());
  EXPECT_EQ(json["facts"]["user"]["id"], ::geteuid());
  EXPECT_TRUE(json["facts"]["exe"].contains("unknown")) << "there is no witness here";
  EXPECT_EQ(json["profiles"][0]["profile"], "p");
  EXPECT_EQ(json["profiles"][0]["granted"], true);
}

TEST_F(AccessTest, ADescribedProcessIsExplainedGrantByGrant) {
  const auto broker =
      make_broker(std::string(k_config) +
                  "[profile.q]\n[[grant]]\nprofiles = [\"p\"]\nuser = \"daemon\"\nunit = "
                  "\"localizer.service\"\n[[grant]]\nprofiles = [\"p\"]\nuser = \"root\"\nexe = "
                  "\"/usr/bin/app\"\n");
  auto json = explained(*broker, "as=user=daemon,unit=localizer.service");
  EXPECT_EQ(json["profiles"][0]["granted"], true);
  EXPECT_EQ(json["profiles"][0]["grant"], 1);
  EXPECT_EQ(json["profiles"][1]["granted"], false);
  EXPECT_EQ(json["profiles"][1]["reason"], "no [[grant]] names this profile");

  json = explained(*broker, "as=user=daemon,unit=other.service&profile=p");
  ASSERT_EQ(json["profiles"].size(), 1u);
  const auto why = json["profiles"][0]["why"];
  ASSERT_EQ(why.size(), 2u);
  EXPECT_EQ(why[0]["failed"][0], "unit is other.service, not localizer.service");
  EXPECT_THAT(why[1]["failed"][0].get<std::string>(), HasSubstr("not root"));
  EXPECT_THAT(why[1]["failed"][1].get<std::string>(), HasSubstr("exe must be /usr/bin/app"));

  json = explained(*broker, "as=user=root&profile=nowhere");
  EXPECT_EQ(json["profiles"][0]["configured"], false);
}

TEST_F(AccessTest, AQuestionThatMakesNoSenseIsAnsweredWithWhatWould) {
  const auto broker = make_broker();
  EXPECT_THAT(refused_query(*broker, "", 400), HasSubstr("say which process"));
  EXPECT_THAT(refused_query(*broker, "pid=1&as=user=root", 400), HasSubstr("one of them"));
  EXPECT_THAT(refused_query(*broker, "pid=-1", 400), HasSubstr("number of a process"));
  EXPECT_THAT(refused_query(*broker, "pid=99999999", 404), HasSubstr("there is no process 99999999"));
  EXPECT_THAT(refused_query(*broker, "as=root", 400), HasSubstr("describes no process"));
  EXPECT_THAT(refused_query(*broker, "as=user=", 400), HasSubstr("describes no process"));
  EXPECT_THAT(refused_query(*broker, "as=", 400), HasSubstr("empty"));
  EXPECT_THAT(refused_query(*broker, "as=user=root,user=daemon", 400), HasSubstr("said twice"));
  EXPECT_THAT(refused_query(*broker, "as=user=nobody-of-this-name", 400), HasSubstr("there is no user"));
  EXPECT_THAT(refused_query(*broker, "as=unit=nonsense", 400), HasSubstr("nonsense"));
  EXPECT_THAT(refused_query(*broker, "pid=1&profile=../x", 400), HasSubstr("no parameter of this path"));
}

TEST_F(AccessTest, EveryUserAndGroupMayBeDescribedByNumber) {
  const auto broker =
      make_broker(std::string(k_config) + "[[grant]]\nprofiles = [\"p\"]\ngroup = \"4242\"\n");
  EXPECT_EQ(explained(*broker, "as=user=99999,group=4242")["profiles"][0]["granted"], true);
  EXPECT_EQ(explained(*broker, "as=user=99999")["profiles"][0]["granted"], false);
}

TEST_F(AccessTest, ADescriptionMaySayWhateverAGrantCan) {
  const std::string hash(64, 'a');
  const auto broker = make_broker(
      std::string(k_config) + "[[grant]]\nprofiles = [\"p\"]\ngroup = \"daemon\"\nexe = \"/usr/bin/app\"\n" +
      "exe_sha256 = \"" + hash +
      "\"\n[[grant]]\nprofiles = [\"p\"]\nselinux = \"app_t\"\n"
      "[[grant]]\nprofiles = [\"p\"]\napparmor = \"app\"\n");
  const auto granted_by = [&](const std::string& description) {
    const auto of_p = explained(*broker, "as=" + description)["profiles"][0];
    return of_p["granted"].get<bool>() ? of_p["grant"].get<int>() : 0;
  };
  EXPECT_EQ(granted_by("group=daemon,exe=/usr/bin/app,exe_sha256=" + hash), 1);
  EXPECT_EQ(granted_by("group=root,exe=/usr/bin/app,exe_sha256=" + hash), 0);
  EXPECT_EQ(granted_by("group=daemon,exe=/usr/bin/app"), 0) << "what is not said does not hold";
  EXPECT_EQ(granted_by("selinux=app_t"), 2);
  EXPECT_EQ(granted_by("apparmor=app"), 3);
  EXPECT_EQ(granted_by("apparmor=app_t"), 0);
  const auto facts = explained(*broker, "as=user=root,group=4242,exe=/usr/bin/app")["facts"];
  EXPECT_EQ(facts["group"]["id"], 0) << "the user's own comes first";
  EXPECT_EQ(facts["groups"].back()["id"], 4242) << facts;
  EXPECT_EQ(facts["exe"]["value"], "/usr/bin/app");
  EXPECT_EQ(facts["unit"]["unknown"], "it is not said");
  EXPECT_THAT(refused_query(*broker, "as=group=nobody-of-this-name", 400), HasSubstr("there is no group"));
  for (const auto* pid : {"pid=1x", "pid=", "pid=0", "pid=99999999999999999999"})
    EXPECT_THAT(refused_query(*broker, pid, 400), HasSubstr("number of a process"));
}

}  // namespace
}  // namespace fob::broker
