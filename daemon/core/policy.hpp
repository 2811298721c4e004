// Who may have which profile. Pure: facts about the peer, read from the kernel elsewhere, and the rules of
// the configuration go in; a decision that can account for itself comes out. Deny is the default.
#pragma once

#include "daemon/core/peer_facts.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace fob::core {

/// What a grant may name, in the words of fob.toml.
enum class Selector : unsigned char { user, group, exe, exe_sha256, unit, apparmor, selinux };
std::string_view to_string(Selector selector);

/// A user or group as it is written, and its number; no number where there is none of this name.
struct Account {
  std::string name;
  std::optional<id_t> id;

  bool operator==(const Account&) const = default;
};

/// One [[grant]], its names resolved to what the kernel speaks of. What it names must all hold.
struct Rule {
  std::vector<std::string> profiles;
  std::optional<Account> user, group;
  std::optional<std::string> exe, exe_sha256;
  std::optional<std::string> unit;  ///< as unit_of_cgroup() says it
  std::optional<std::string> apparmor, selinux;
  std::string where;  ///< "fob.toml:12"

  bool names(Selector selector) const;
  bool operator==(const Rule&) const = default;
};

/// Why a rule that grants the profile does not grant it to this peer.
struct Miss {
  std::size_t grant = 0;            ///< which, counted from 1
  std::string where;                ///< as Rule::where
  std::vector<std::string> failed;  ///< "unit is other.service, not localizer.service"

  bool operator==(const Miss&) const = default;
};

struct Decision {
  bool granted = false;
  std::optional<std::size_t> grant;  ///< the first that allows it; nothing where there are none at all
  std::vector<Miss> why;             ///< of one that is refused: each rule for this profile
};

class Policy {
 public:
  /// Without rules, processes of `own_uid` may have everything and nobody else anything (design.md §3).
  Policy(uid_t own_uid, std::vector<Rule> rules) : own_uid_(own_uid), rules_(std::move(rules)) {}

  bool may_have(const PeerFacts& peer, std::string_view profile) const;
  Decision decide(const PeerFacts& peer, std::string_view profile) const;
  /// Whether the peer may know which profiles exist: it may have every one that is or could be.
  bool may_have_all(const PeerFacts& peer) const { return rules_.empty() && peer.uid == own_uid_; }

  /// Why it was refused, in one line: "grant 1 (fob.toml:12): unit is x.service, not y.service; …".
  std::string in_words(const Decision& refusal) const;

  /// Whether it could make a difference to this peer to look at what `selector` asks for: a rule names it,
  /// and what else that names holds, as far as that has been looked at.
  bool asks(Selector selector, const PeerFacts& peer) const;
  bool is_default() const { return rules_.empty(); }
  /// The rule that a decision was granted by, to ask is_in_force() about later; nothing where that was the
  /// default.
  std::optional<Rule> granted_by(const Decision& decision) const;
  /// Whether the very same rule, wherever it stands now, still grants this profile; nothing means the
  /// default.
  bool is_in_force(const std::optional<Rule>& rule, std::string_view profile) const;
  /// The user to whom the default rule grants everything.
  uid_t own_uid() const { return own_uid_; }

 private:
  uid_t own_uid_;
  std::vector<Rule> rules_;
};

}  // namespace fob::core
