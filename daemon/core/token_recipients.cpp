#include "daemon/core/token_recipients.hpp"

#include <algorithm>
#include <utility>

namespace fob::core {
namespace {

bool same_kind(const Recipient& a, const Recipient& b) {
  return a.uid == b.uid && a.how == b.how && a.unit == b.unit && a.exe == b.exe;
}

}  // namespace

std::string_view to_string(Handing how) {
  switch (how) {
    case Handing::request:
      return "request";
    case Handing::page:
      return "page";
    case Handing::events:
      return "events";
  }
  return "request";
}

void TokenRecipients::add(const PeerFacts& peer, Handing how, BootTime now) {
  add(Recipient{peer.pid, peer.uid.value_or(0), peer.unit.value().value_or(""), peer.exe.value().value_or(""),
                how, now});
}

// On the way of an app's every request: one that is known costs a look at a few numbers.
void TokenRecipients::add(pid_t pid, uid_t uid, BootTime now) {
  for (auto& known : all_) {
    const bool is_it = known.pid == pid && known.uid == uid && known.how == Handing::request &&
                       known.unit.empty() && known.exe.empty();
    if (!is_it) continue;
    known.at = now;
    ++known.count;
    return;
  }
  add(Recipient{pid, uid, "", "", Handing::request, now});
}

void TokenRecipients::add(Recipient recipient) {
  const auto known = std::find_if(all_.begin(), all_.end(), [&](const Recipient& other) {
    return other.pid == recipient.pid && same_kind(other, recipient);
  });
  if (known != all_.end()) {
    known->at = recipient.at;
    ++known->count;
    return;
  }
  if (all_.size() < k_most) {
    all_.push_back(std::move(recipient));
  } else {
    all_[place_for(recipient)] = std::move(recipient);
  }
}

// That of the one seen longest ago of the kind that has most, with the newcomer counted in.
std::size_t TokenRecipients::place_for(const Recipient& newcomer) const {
  std::size_t place = 0;
  std::ptrdiff_t most = 0;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const auto is_alike = [&](const Recipient& other) { return same_kind(all_[i], other); };
    const auto crowd = std::count_if(all_.begin(), all_.end(), is_alike) + (is_alike(newcomer) ? 1 : 0);
    if (crowd < most || (crowd == most && all_[i].at >= all_[place].at)) continue;
    most = crowd;
    place = i;
  }
  return place;
}

std::vector<Recipient> TokenRecipients::newest_first() const {
  const auto newer = [](const Recipient& a, const Recipient& b) { return a.at > b.at; };
  std::vector<Recipient> sorted;
  for (const auto& one : all_) sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), one, newer), one);
  return sorted;
}

}  // namespace fob::core
