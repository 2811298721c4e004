// Who may have which profile. Pure: facts about the peer, read from the kernel elsewhere, and the rules of
// the configuration go in; yes or no comes out. Deny is the default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace fob::core {

/// What the kernel says about a connected peer.
struct PeerFacts {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  ///< supplementary
};

/// One [[grant]], its names resolved to what the kernel speaks of.
struct Rule {
  std::vector<std::string> profiles;
  std::optional<uid_t> uid;
  /// A selector that this version cannot judge: the rule then matches nobody.
  bool beyond_judgement = false;
};

class Policy {
 public:
  /// Without rules, processes of `own_uid` may have everything and nobody else anything (design.md §3).
  Policy(uid_t own_uid, std::vector<Rule> rules) : own_uid_(own_uid), rules_(std::move(rules)) {}

  bool may_have(const PeerFacts& peer, std::string_view profile) const;
  /// Whether the peer may know which profiles exist: it may have every one that is or could be.
  bool may_have_all(const PeerFacts& peer) const { return rules_.empty() && peer.uid == own_uid_; }

 private:
  uid_t own_uid_;
  std::vector<Rule> rules_;
};

}  // namespace fob::core
