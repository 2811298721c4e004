#include "daemon/broker/explanation.hpp"

#include "daemon/broker/accounts.hpp"
#include "daemon/core/cgroup_unit.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using core::Fact;
using core::PeerFacts;
using core::Selector;
using wire::Json;

constexpr std::array k_selectors = {Selector::user,       Selector::group,    Selector::unit,   Selector::exe,
                                    Selector::exe_sha256, Selector::apparmor, Selector::selinux};
constexpr const char* k_not_said = "it is not said";

Error wrong(std::string detail) { return fail(ErrorCode::bad_request, std::move(detail)); }

Result<pid_t> decode_pid(const std::string& text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error == std::errc() && end == text.data() + text.size() && pid > 0) return pid;
  return wrong("pid is \"" + wire::printable(text, 32) + "\"; it must be the number of a process");
}

std::optional<Selector> selector_of(std::string_view word) {
  const auto found = std::find_if(k_selectors.begin(), k_selectors.end(),
                                  [&](Selector selector) { return core::to_string(selector) == word; });
  return found == k_selectors.end() ? std::nullopt : std::optional(*found);
}

// "user=xr,unit=localizer.service"
Result<std::vector<std::pair<Selector, std::string>>> decode_description(std::string_view text) {
  std::vector<std::pair<Selector, std::string>> description;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto equals = part.find('=');
    const auto selector = selector_of(part.substr(0, equals));
    if (!selector || equals == part.npos || equals + 1 == part.size())
      return wrong(
          "\"" + wire::printable(part, 100) +
          "\" describes no process; write user=NAME, group=NAME, unit=UNIT, exe=PATH, exe_sha256=HEX, "
          "apparmor=LABEL or selinux=LABEL, with commas between them");
    if (std::any_of(description.begin(), description.end(),
                    [&](const auto& said) { return said.first == *selector; }))
      return wrong(std::string(core::to_string(*selector)) + " is said twice");
    description.emplace_back(*selector, part.substr(equals + 1));
  }
  if (description.empty()) return wrong("the description is empty; write, for example, as=user=xr");
  return description;
}

Result<void> describe_user(PeerFacts& facts, const std::string& name) {
  const auto user = user_account(name);
  if (!user.id) return wrong("there is no user \"" + wire::printable(name, 64) + "\" here");
  facts.uid = user.id;
  // A number that is nobody's has no groups.
  const auto groups = login_groups(*user.id);
  if (!groups) return {};
  facts.gid = groups->primary;
  facts.groups = groups->all;
  return {};
}

Result<void> describe_group(PeerFacts& facts, const std::string& name) {
  const auto group = group_account(name);
  if (!group.id) return wrong("there is no group \"" + wire::printable(name, 64) + "\" here");
  if (!facts.gid) facts.gid = group.id;
  facts.groups.push_back(*group.id);
  return {};
}

Result<void> describe_unit(PeerFacts& facts, const std::string& name,
                           const std::optional<std::string>& own_manager) {
  auto unit = core::unit_of_grant(name, own_manager);
  if (!unit) return wrong(unit.error().detail);
  facts.unit = Fact::known(std::move(*unit));
  return {};
}

Result<void> describe(PeerFacts& facts, Selector selector, const std::string& value,
                      const std::optional<std::string>& own_manager) {
  if (selector == Selector::user) return describe_user(facts, value);
  if (selector == Selector::group) return describe_group(facts, value);
  if (selector == Selector::unit) return describe_unit(facts, value, own_manager);
  if (selector == Selector::exe) {
    facts.exe = Fact::known(value);
  } else if (selector == Selector::exe_sha256) {
    facts.exe_sha256 = Fact::known(value);
  } else {
    facts.label = Fact::known(value);
    facts.label_source =
        selector == Selector::apparmor ? core::LabelSource::apparmor : core::LabelSource::selinux;
  }
  return {};
}

Result<PeerFacts> described(const ExplainQuery& query, core::LabelSource labels,
                            const std::optional<std::string>& own_manager) {
  PeerFacts facts;
  for (Fact* fact : {&facts.unit, &facts.exe, &facts.exe_sha256, &facts.label})
    *fact = Fact::unknown(k_not_said);
  facts.label_source = labels;
  for (const auto& [selector, value] : query.description)
    if (auto said = describe(facts, selector, value, own_manager); !said) return said.error();
  add_names(facts);
  return facts;
}

Json fact_json(const Fact& fact) {
  if (fact.value()) return {{"value", wire::printable(*fact.value(), wire::k_max_path)}};
  return {{"unknown", fact.looked_at() ? fact.why_unknown() : k_not_said}};
}

Json account(std::optional<id_t> id, const std::string& name) {
  if (!id) return nullptr;
  Json json = {{"id", *id}};
  if (!name.empty()) json["name"] = name;
  return json;
}

Json facts_json(const PeerFacts& facts) {
  Json groups = Json::array();
  for (const gid_t group : facts.groups) groups.push_back(account(group, group_name(group).value_or("")));
  return {{"user", account(facts.uid, facts.user)},
          {"group", account(facts.gid, facts.group)},
          {"groups", std::move(groups)},
          {"unit", fact_json(facts.unit)},
          {"exe", fact_json(facts.exe)},
          {"exe_sha256", fact_json(facts.exe_sha256)},
          {"label", fact_json(facts.label)}};
}

Json judged(const std::string& profile, const PeerFacts& facts, const Broker& broker) {
  const auto decision = broker.policy().decide(facts, profile);
  Json json = {{"profile", profile},
               {"configured", broker.keeper(profile).has_value()},
               {"granted", decision.granted}};
  if (decision.grant) json["grant"] = *decision.grant;
  if (decision.granted) return json;
  json["reason"] = broker.policy().in_words(decision);
  Json why = Json::array();
  for (const auto& miss : decision.why)
    why.push_back({{"grant", miss.grant}, {"where", miss.where}, {"failed", miss.failed}});
  json["why"] = std::move(why);
  return json;
}

}  // namespace

Result<ExplainQuery> decode_explain_query(const wire::Target& target) {
  ExplainQuery query;
  for (const auto& [name, value] : target.parameters) {
    if (name == "pid") {
      const auto pid = decode_pid(value);
      if (!pid) return pid.error();
      query.pid = *pid;
    } else if (name == "as") {
      auto description = decode_description(value);
      if (!description) return description.error();
      query.description = std::move(*description);
    } else if (name == "profile" && wire::is_profile_name(value)) {
      query.profile = value;
    } else {
      return wrong("\"" + wire::printable(name, 32) +
                   "\" is no parameter of this path, or has no such value; it takes pid=N or as=user=NAME,…, "
                   "and profile=NAME");
    }
  }
  if (query.pid.has_value() != query.description.empty())
    return wrong("say which process: pid=N, or as=user=NAME,unit=UNIT,…; one of them");
  return query;
}

asio::awaitable<Result<PeerFacts>> facts_asked_for(ExplainQuery query, FactSources sources,
                                                   std::optional<std::string> own_manager) {
  if (!query.pid) co_return described(query, sources.labels, own_manager);
  auto peer = peer_by_pid(*query.pid, sources.labels);
  if (!peer) co_return peer.error();
  Asks all = [](Selector, const PeerFacts&) { return true; };
  auto facts = co_await gather_facts(std::move(sources), std::move(*peer), nullptr, std::move(all));
  add_names(facts);
  co_return facts;
}

Json explanation(const ExplainQuery& query, const PeerFacts& facts, const Broker& broker) {
  std::set<std::string> names;
  if (query.profile) {
    names.insert(*query.profile);
  } else {
    for (const auto& keeper : broker.keepers()) names.insert(keeper->profile());
  }
  Json profiles = Json::array();
  for (const auto& name : names) profiles.push_back(judged(name, facts, broker));
  Json json = Json::object();
  if (query.pid) json["pid"] = *query.pid;
  json["facts"] = facts_json(facts);
  json["grants"] = broker.config().grants.size();
  json["profiles"] = std::move(profiles);
  return json;
}

}  // namespace fob::broker
