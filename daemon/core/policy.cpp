#include "daemon/core/policy.hpp"

#include <algorithm>

namespace fob::core {
namespace {

bool matches(const Rule& rule, const PeerFacts& peer, std::string_view profile) {
  if (rule.beyond_judgement || !rule.uid || *rule.uid != peer.uid) return false;
  return std::find(rule.profiles.begin(), rule.profiles.end(), profile) != rule.profiles.end();
}

}  // namespace

bool Policy::may_have(const PeerFacts& peer, std::string_view profile) const {
  if (rules_.empty()) return peer.uid == own_uid_;
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return matches(rule, peer, profile); });
}

}  // namespace fob::core
