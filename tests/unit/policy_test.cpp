// Who may have which profile: each selector, each refusal with its reason, and what is not known never holds.
#include "daemon/core/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PeerFacts app() {
  PeerFacts facts;
  facts.uid = 1000;
  facts.gid = 100;
  facts.pid = 42;
  facts.groups = {27, 44};
  facts.unit = Fact::known("localizer.service");
  facts.exe = Fact::known("/usr/bin/localizer");
  facts.exe_sha256 = Fact::known("aa");
  facts.label = Fact::known("localizer");
  facts.label_source = LabelSource::apparmor;
  return facts;
}

Rule rule_for(std::vector<std::string> profiles) {
  Rule rule;
  rule.profiles = std::move(profiles);
  rule.where = "fob.toml:7";
  return rule;
}

Policy one(const Rule& rule) { return Policy(0, {rule}); }

std::vector<std::string> failed(const Rule& rule, const PeerFacts& facts) {
  const auto decision = one(rule).decide(facts, "p");
  EXPECT_EQ(decision.granted, one(rule).may_have(facts, "p"));
  return decision.why.empty() ? std::vector<std::string>{} : decision.why.front().failed;
}

TEST(Policy, WithoutRulesIsForItsOwnUserAlone) {
  const Policy policy(1000, {});
  EXPECT_TRUE(policy.decide(app(), "anything").granted);
  EXPECT_TRUE(policy.may_have_all(app()));
  PeerFacts other = app();
  other.uid = 0;
  EXPECT_FALSE(policy.decide(other, "anything").granted) << "not even for root";
  other.uid.reset();
  EXPECT_FALSE(policy.may_have(other, "anything"));
}

TEST(Policy, GrantsByEachSelectorAlone) {
  const auto with = [](auto set) {
    Rule rule = rule_for({"p"});
    set(rule);
    return rule;
  };
  for (const Rule& rule :
       {with([](Rule& r) {
          r.user = Account{"xr", 1000};
        }),
        with([](Rule& r) {
          r.group = Account{"users", 100};
        }),
        with([](Rule& r) {
          r.group = Account{"video", 44};
        }),
        with([](Rule& r) { r.unit = "localizer.service"; }),
        with([](Rule& r) { r.exe = "/usr/bin/localizer"; }), with([](Rule& r) { r.exe_sha256 = "aa"; }),
        with([](Rule& r) { r.apparmor = "localizer"; })}) {
    EXPECT_TRUE(one(rule).decide(app(), "p").granted);
    EXPECT_EQ(one(rule).decide(app(), "p").grant, 1u);
    EXPECT_FALSE(one(rule).decide(app(), "q").granted) << "only what it names";
    EXPECT_THAT(one(rule).decide(app(), "q").why, IsEmpty());
  }
}

TEST(Policy, SaysOfEachSelectorWhyItFails) {
  Rule rule = rule_for({"p"});
  rule.user = Account{"root", 0};
  rule.group = Account{"wheel", 10};
  rule.unit = "other.service";
  rule.exe = "/usr/bin/other";
  rule.exe_sha256 = "bb";
  rule.apparmor = "other";
  EXPECT_THAT(failed(rule, app()),
              ElementsAre("user is 1000, not root (0)", "it is not in the group wheel (10)",
                          "unit is localizer.service, not other.service",
                          "exe is /usr/bin/localizer, not /usr/bin/other", "exe_sha256 is aa, not bb",
                          "apparmor is localizer, not other"));
  PeerFacts named = app();
  named.user = "xr";
  EXPECT_THAT(failed(rule, named).front(), "user is xr (1000), not root (0)");
}

TEST(Policy, NeedsAllThatAGrantNames) {
  Rule rule = rule_for({"p"});
  rule.user = Account{"xr", 1000};
  rule.unit = "other.service";
  EXPECT_THAT(failed(rule, app()), ElementsAre("unit is localizer.service, not other.service"));
  rule.unit = "localizer.service";
  EXPECT_TRUE(one(rule).may_have(app(), "p"));
}

TEST(Policy, NeverHoldsWhatIsNotKnown) {
  Rule rule = rule_for({"p"});
  rule.exe = "/usr/bin/localizer";
  PeerFacts dead = app();
  dead.exe = Fact::unknown("the process has ended");
  EXPECT_THAT(failed(rule, dead),
              ElementsAre("exe must be /usr/bin/localizer, but it is not known: the process has ended"));
  dead.exe = Fact();
  EXPECT_THAT(failed(rule, dead),
              ElementsAre("exe must be /usr/bin/localizer, but it is not known: nobody looked"));
}

TEST(Policy, GivesNobodyWhatIsGrantedToANameThatNobodyBears) {
  Rule rule = rule_for({"p"});
  rule.user = Account{"nobody-here", std::nullopt};
  PeerFacts facts = app();
  EXPECT_THAT(failed(rule, facts),
              ElementsAre("user must be nobody-here, but there is none of this name here"));
  facts.uid.reset();
  EXPECT_FALSE(one(rule).may_have(facts, "p"));
  rule.user.reset();
  rule.group = Account{"no-group", std::nullopt};
  facts.gid.reset();
  EXPECT_FALSE(one(rule).may_have(facts, "p"));
}

TEST(Policy, TakesALabelOnlyFromTheModuleThatIsMeant) {
  Rule rule = rule_for({"p"});
  rule.selinux = "localizer";
  EXPECT_THAT(failed(rule, app()),
              ElementsAre("selinux must be localizer, but it is not in force on this device"));
  PeerFacts facts = app();
  facts.label_source = LabelSource::selinux;
  EXPECT_TRUE(one(rule).may_have(facts, "p"));
  facts.label_source = LabelSource::none;
  EXPECT_FALSE(one(rule).may_have(facts, "p"));
}

TEST(Policy, SaysWhichOfSeveralGrantsItIs) {
  Rule other = rule_for({"p", "q"});
  other.user = Account{"root", 0};
  Rule mine = rule_for({"q"});
  mine.user = Account{"xr", 1000};
  const Policy policy(0, {other, mine});
  EXPECT_EQ(policy.decide(app(), "q").grant, 2u);
  EXPECT_THAT(policy.decide(app(), "p").why,
              ElementsAre(Miss{1, "fob.toml:7", {"user is 1000, not root (0)"}}));
  EXPECT_FALSE(policy.may_have_all(app())) << "with rules nobody may know every name";
}

TEST(Policy, AsksForNoFactThatCannotMatter) {
  Rule rule = rule_for({"p"});
  rule.user = Account{"xr", 1000};
  rule.exe = "/usr/bin/localizer";
  rule.exe_sha256 = "aa";
  const Policy policy = one(rule);
  PeerFacts fresh = app();
  fresh.exe = fresh.exe_sha256 = fresh.unit = Fact();
  EXPECT_FALSE(policy.asks(Selector::unit, fresh)) << "no grant names it";
  EXPECT_TRUE(policy.asks(Selector::exe, fresh));
  EXPECT_TRUE(policy.asks(Selector::exe_sha256, fresh));
  fresh.exe = Fact::known("/usr/bin/other");
  EXPECT_FALSE(policy.asks(Selector::exe_sha256, fresh)) << "the grant fails already";
  EXPECT_TRUE(policy.asks(Selector::exe, fresh));
  fresh.uid = 7;
  EXPECT_FALSE(policy.asks(Selector::exe, fresh));
  EXPECT_FALSE(Policy(1000, {}).asks(Selector::exe, fresh));
}

}  // namespace
}  // namespace fob::core
