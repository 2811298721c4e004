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
  EXPECT_TRUE(policy.may_have(app(), "anything"));
  EXPECT_TRUE(policy.may_have_all(app()));
  PeerFacts other = app();
  other.uid = 0;
  EXPECT_FALSE(policy.decide(other, "anything").granted) << "not even for root";
  EXPECT_FALSE(policy.may_have(other, "anything"));
  EXPECT_FALSE(policy.may_have_all(other));
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
  EXPECT_TRUE(policy.may_have(app(), "q"));
  EXPECT_FALSE(policy.may_have(app(), "p"));
  EXPECT_THAT(policy.decide(app(), "p").why,
              ElementsAre(Miss{1, "fob.toml:7", {"user is 1000, not root (0)"}}));
  EXPECT_FALSE(policy.may_have_all(app())) << "with rules nobody may know every name";
  EXPECT_FALSE(Policy(1000, {other, mine}).may_have_all(app())) << "not even fobd's own user";
  EXPECT_EQ(Miss().grant, 0U) << "none";
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

TEST(Policy, AsksWhereAnyGrantMightTurnOnIt) {
  Rule other = rule_for({"p"});
  other.user = Account{"root", 0};
  Rule mine = rule_for({"p"});
  mine.unit = "localizer.service";
  mine.exe = "/usr/bin/localizer";
  const Policy policy(0, {other, mine});
  PeerFacts fresh = app();
  fresh.exe = fresh.unit = Fact();
  EXPECT_TRUE(policy.asks(Selector::exe, fresh));
  EXPECT_TRUE(policy.asks(Selector::user, fresh)) << "who asks of one may be told of it, too";
  fresh.unit = Fact::unknown("it belongs to no systemd unit");
  EXPECT_FALSE(policy.asks(Selector::exe, fresh)) << "what cannot be known never holds";
  EXPECT_TRUE(policy.asks(Selector::unit, fresh));
}

TEST(Policy, AsksNothingMoreWhereALabelIsOfAModuleThatIsNotInForce) {
  Rule rule = rule_for({"p"});
  rule.selinux = "localizer";
  rule.exe = "/usr/bin/localizer";
  PeerFacts fresh = app();
  fresh.exe = Fact();
  EXPECT_FALSE(one(rule).asks(Selector::exe, fresh));
  fresh.label_source = LabelSource::selinux;
  EXPECT_TRUE(one(rule).asks(Selector::exe, fresh));
}

TEST(Policy, KnowsEachSelectorByItsWordInFobToml) {
  using enum Selector;
  Rule rule;
  for (const Selector selector : {user, group, exe, exe_sha256, unit, apparmor, selinux})
    EXPECT_FALSE(rule.names(selector)) << to_string(selector);
  rule.user = Account{"xr", 1000};
  rule.exe = "/usr/bin/localizer";
  rule.apparmor = "localizer";
  std::vector<std::string_view> named, others;
  for (const Selector selector : {user, group, exe, exe_sha256, unit, apparmor, selinux})
    (rule.names(selector) ? named : others).push_back(to_string(selector));
  EXPECT_THAT(named, ElementsAre("user", "exe", "apparmor"));
  EXPECT_THAT(others, ElementsAre("group", "exe_sha256", "unit", "selinux"));
  Rule rest;
  rest.group = Account{"users", 100};
  rest.exe_sha256 = rest.unit = rest.selinux = "x";
  for (const Selector selector : {group, exe_sha256, unit, selinux})
    EXPECT_TRUE(rest.names(selector)) << to_string(selector);
}

TEST(Policy, SaysAnAccountByNameAndNumberOnce) {
  Rule rule = rule_for({"p"});
  rule.user = Account{"0", 0};
  EXPECT_THAT(failed(rule, app()), ElementsAre("user is 1000, not 0"));
  PeerFacts nobody = app();
  nobody.uid.reset();
  nobody.user = "xr";
  EXPECT_THAT(failed(rule, nobody), ElementsAre("user is not said, not 0"));
  rule.user.reset();
  rule.group = Account{"no-group", std::nullopt};
  EXPECT_THAT(failed(rule, app()),
              ElementsAre("group must be no-group, but there is none of this name here"));
}

TEST(Policy, TellsALabelThatDiffersFromOneThatIsNotKnown) {
  Rule rule = rule_for({"p"});
  rule.selinux = "other";
  PeerFacts facts = app();
  facts.label_source = LabelSource::selinux;
  EXPECT_THAT(failed(rule, facts), ElementsAre("selinux is localizer, not other"));
  facts.label = Fact::unknown("the kernel gives none");
  EXPECT_THAT(failed(rule, facts),
              ElementsAre("selinux must be other, but it is not known: the kernel gives none"));
}

TEST(Policy, SaysInOneLineWhyItRefuses) {
  EXPECT_EQ(Policy(1000, {}).in_words({}),
            "without any [[grant]], only processes of user 1000 may have a token");
  Rule first = rule_for({"p"});
  first.user = Account{"root", 0};
  first.unit = "other.service";
  Rule second = rule_for({"p"});
  second.exe = "/usr/bin/other";
  second.where = "fob.toml:12";
  const Policy policy(0, {first, rule_for({"q"}), second});
  EXPECT_EQ(policy.in_words(policy.decide(app(), "p")),
            "grant 1 (fob.toml:7): user is 1000, not root (0), unit is localizer.service, not other.service; "
            "grant 3 (fob.toml:12): exe is /usr/bin/localizer, not /usr/bin/other");
  EXPECT_EQ(policy.in_words(policy.decide(app(), "r")), "no [[grant]] names this profile");
}

TEST(Policy, ADecisionIsGrantedByItsRuleForAsLongAsThatStandsSomewhere) {
  Rule other = rule_for({"q"});
  Rule mine = rule_for({"p"});
  mine.user = Account{"xr", 1000};
  const Policy policy(0, {other, mine});
  EXPECT_FALSE(policy.is_default());
  const auto rule = policy.granted_by(policy.decide(app(), "p"));
  EXPECT_EQ(rule, mine);
  EXPECT_TRUE(policy.is_in_force(rule, "p"));
  EXPECT_FALSE(policy.is_in_force(rule, "q")) << "it never was for that";
  mine.where = "fob.d/10-mine.toml:3";
  EXPECT_TRUE(Policy(0, {mine}).is_in_force(rule, "p")) << "only its place has changed";
  mine.unit = "localizer.service";
  EXPECT_FALSE(Policy(0, {mine, other}).is_in_force(rule, "p")) << "it asks for more now";
}

TEST(Policy, TheDefaultIsInForceForAsLongAsThereAreNoRules) {
  const Policy none(1000, {});
  EXPECT_TRUE(none.is_default());
  EXPECT_EQ(none.own_uid(), 1000U);
  const auto rule = none.granted_by(none.decide(app(), "p"));
  EXPECT_FALSE(rule);
  EXPECT_TRUE(none.is_in_force(rule, "p"));
  EXPECT_FALSE(one(rule_for({"p"})).is_in_force(rule, "p")) << "there are grants now";
  EXPECT_FALSE(none.is_in_force(rule_for({"p"}), "p")) << "there are none any more";
}

TEST(Policy, ARefusedDecisionNamesNoRule) {
  Rule rule = rule_for({"p"});
  rule.user = Account{"root", 0};
  const auto decision = one(rule).decide(app(), "p");
  EXPECT_FALSE(decision.granted);
  EXPECT_FALSE(decision.grant);
  EXPECT_FALSE(one(rule).granted_by(decision));
}

TEST(Fact, TellsWhatIsKnownFromWhatNobodyLookedAt) {
  EXPECT_FALSE(Fact().looked_at());
  EXPECT_TRUE(Fact::known("").looked_at()) << "nothing is something";
  EXPECT_TRUE(Fact::unknown("gone").looked_at());
  EXPECT_EQ(Fact::known("x").value(), "x");
  EXPECT_EQ(Fact::known("x").why_unknown(), "");
  EXPECT_FALSE(Fact::unknown("gone").value());
  EXPECT_EQ(Fact::unknown("gone").why_unknown(), "gone");
  EXPECT_EQ(PeerFacts().pid, 0);
  EXPECT_EQ(PeerFacts().label_source, LabelSource::none);
}

}  // namespace
}  // namespace fob::core
