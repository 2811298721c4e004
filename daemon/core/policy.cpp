#include "daemon/core/policy.hpp"

#include <algorithm>
#include <array>

namespace fob::core {
namespace {

enum class Holds : unsigned char { yes, no, not_looked_at };

bool grants(const Rule& rule, std::string_view profile) {
  return std::find(rule.profiles.begin(), rule.profiles.end(), profile) != rule.profiles.end();
}

bool in_group(const PeerFacts& peer, gid_t group) {
  return peer.gid == group || std::find(peer.groups.begin(), peer.groups.end(), group) != peer.groups.end();
}

Holds compare(const std::optional<std::string>& wanted, const Fact& fact) {
  if (!fact.looked_at()) return Holds::not_looked_at;
  return fact.value() == wanted ? Holds::yes : Holds::no;
}

// A label of one module says nothing in the other's words.
Holds compare_label(const std::optional<std::string>& wanted, const PeerFacts& peer, LabelSource source) {
  return peer.label_source == source ? compare(wanted, peer.label) : Holds::no;
}

std::string account_text(const Account& account) {
  const std::string number = account.id ? std::to_string(*account.id) : "";
  return number.empty() || number == account.name ? account.name : account.name + " (" + number + ")";
}

std::string own_text(const std::string& name, std::optional<id_t> id) {
  if (!id) return "not said";
  return account_text({name.empty() ? std::to_string(*id) : name, id});
}

std::string fact_failure(std::string_view selector, const Fact& fact, const std::string& wanted) {
  const std::string name(selector);
  if (fact.value()) return name + " is " + *fact.value() + ", not " + wanted;
  return name + " must be " + wanted +
         ", but it is not known: " + (fact.looked_at() ? fact.why_unknown() : "nobody looked");
}

std::string label_failure(Selector selector, const PeerFacts& peer, LabelSource source,
                          const std::string& wanted) {
  const std::string name(to_string(selector));
  if (peer.label_source != source)
    return name + " must be " + wanted + ", but it is not in force on this device";
  return fact_failure(name, peer.label, wanted);
}

std::string no_account(std::string_view selector, const Account& account) {
  return std::string(selector) + " must be " + account.name + ", but there is none of this name here";
}

// One row a selector: whether a rule names it, whether it holds, and in words why it does not.
struct Row {
  Selector selector;
  std::string_view word;
  bool (*named)(const Rule&);
  Holds (*holds)(const Rule&, const PeerFacts&);
  std::string (*failure)(const Rule&, const PeerFacts&);
};

Holds yes_if(bool holds) { return holds ? Holds::yes : Holds::no; }

template <std::optional<std::string> Rule::*Wanted, Fact PeerFacts::*Has>
constexpr Row fact_row(Selector selector, std::string_view word,
                       std::string (*failure)(const Rule&, const PeerFacts&)) {
  return {selector, word, [](const Rule& rule) { return (rule.*Wanted).has_value(); },
          [](const Rule& rule, const PeerFacts& peer) { return compare(rule.*Wanted, peer.*Has); }, failure};
}

template <std::optional<std::string> Rule::*Wanted, LabelSource Source>
constexpr Row label_row(Selector selector, std::string_view word,
                        std::string (*failure)(const Rule&, const PeerFacts&)) {
  return {selector, word, [](const Rule& rule) { return (rule.*Wanted).has_value(); },
          [](const Rule& rule, const PeerFacts& peer) { return compare_label(rule.*Wanted, peer, Source); },
          failure};
}

const std::array k_rows = {
    Row{Selector::user, "user", [](const Rule& rule) { return rule.user.has_value(); },
        [](const Rule& rule, const PeerFacts& peer) {
          return yes_if(rule.user->id && peer.uid == rule.user->id);
        },
        [](const Rule& rule, const PeerFacts& peer) {
          if (!rule.user->id) return no_account("user", *rule.user);
          return "user is " + own_text(peer.user, peer.uid) + ", not " + account_text(*rule.user);
        }},
    Row{Selector::group, "group", [](const Rule& rule) { return rule.group.has_value(); },
        [](const Rule& rule, const PeerFacts& peer) {
          return yes_if(rule.group->id && in_group(peer, *rule.group->id));
        },
        [](const Rule& rule, const PeerFacts&) {
          if (!rule.group->id) return no_account("group", *rule.group);
          return "it is not in the group " + account_text(*rule.group);
        }},
    fact_row<&Rule::unit, &PeerFacts::unit>(
        Selector::unit, "unit",
        [](const Rule& rule, const PeerFacts& peer) { return fact_failure("unit", peer.unit, *rule.unit); }),
    fact_row<&Rule::exe, &PeerFacts::exe>(
        Selector::exe, "exe",
        [](const Rule& rule, const PeerFacts& peer) { return fact_failure("exe", peer.exe, *rule.exe); }),
    fact_row<&Rule::exe_sha256, &PeerFacts::exe_sha256>(Selector::exe_sha256, "exe_sha256",
                                                        [](const Rule& rule, const PeerFacts& peer) {
                                                          return fact_failure("exe_sha256", peer.exe_sha256,
                                                                              *rule.exe_sha256);
                                                        }),
    label_row<&Rule::apparmor, LabelSource::apparmor>(
        Selector::apparmor, "apparmor",
        [](const Rule& rule, const PeerFacts& peer) {
          return label_failure(Selector::apparmor, peer, LabelSource::apparmor, *rule.apparmor);
        }),
    label_row<&Rule::selinux, LabelSource::selinux>(
        Selector::selinux, "selinux",
        [](const Rule& rule, const PeerFacts& peer) {
          return label_failure(Selector::selinux, peer, LabelSource::selinux, *rule.selinux);
        }),
};

const Row& row_of(Selector selector) {
  return *std::find_if(k_rows.begin(), k_rows.end(),
                       [&](const Row& row) { return row.selector == selector; });
}

bool matches(const Rule& rule, const PeerFacts& peer) {
  return std::all_of(k_rows.begin(), k_rows.end(),
                     [&](const Row& row) { return !row.named(rule) || row.holds(rule, peer) == Holds::yes; });
}

std::vector<std::string> failures(const Rule& rule, const PeerFacts& peer) {
  std::vector<std::string> words;
  for (const Row& row : k_rows)
    if (row.named(rule) && row.holds(rule, peer) != Holds::yes) words.push_back(row.failure(rule, peer));
  return words;
}

}  // namespace

std::string_view to_string(Selector selector) { return row_of(selector).word; }

bool Rule::names(Selector selector) const { return row_of(selector).named(*this); }

bool Policy::may_have(const PeerFacts& peer, std::string_view profile) const {
  if (rules_.empty()) return peer.uid == own_uid_;
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return grants(rule, profile) && matches(rule, peer); });
}

Decision Policy::decide(const PeerFacts& peer, std::string_view profile) const {
  if (rules_.empty()) return {peer.uid == own_uid_, std::nullopt, {}};
  const auto first = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return grants(rule, profile) && matches(rule, peer);
  });
  if (first != rules_.end()) return {true, static_cast<std::size_t>(first - rules_.begin()) + 1, {}};
  Decision refused;
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if (grants(rules_[i], profile))
      refused.why.push_back({i + 1, rules_[i].where, failures(rules_[i], peer)});
  return refused;
}

std::optional<Rule> Policy::granted_by(const Decision& decision) const {
  if (!decision.grant) return std::nullopt;
  return rules_.at(*decision.grant - 1);
}

bool Policy::is_in_force(const std::optional<Rule>& rule, std::string_view profile) const {
  if (!rule) return rules_.empty();
  return std::any_of(rules_.begin(), rules_.end(), [&](Rule candidate) {
    candidate.where = rule->where;
    return grants(candidate, profile) && candidate == *rule;
  });
}

std::string Policy::in_words(const Decision& refusal) const {
  if (rules_.empty())
    return "without any [[grant]], only processes of user " + std::to_string(own_uid_) + " may have a token";
  if (refusal.why.empty()) return "no [[grant]] names this profile";
  std::string text;
  for (const Miss& miss : refusal.why) {
    text += (text.empty() ? "" : "; ") + std::string("grant ") + std::to_string(miss.grant) + " (" +
            miss.where + "): ";
    for (std::size_t i = 0; i < miss.failed.size(); ++i) text += (i == 0 ? "" : ", ") + miss.failed[i];
  }
  return text;
}

bool Policy::asks(Selector selector, const PeerFacts& peer) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return rule.names(selector) && std::all_of(k_rows.begin(), k_rows.end(), [&](const Row& row) {
             return row.selector == selector || !row.named(rule) || row.holds(rule, peer) != Holds::no;
           });
  });
}

}  // namespace fob::core
