// Requests that were heard before, byte by byte, and what answers them when they come again: what apps do all
// day costs no parser and no decision. What comes is compared, never read, so it may be hostile as it likes.
#pragma once

#include "daemon/broker/http_server.hpp"
#include "ipc/transport/peer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace fob::broker {

// What apps ask for again and again is a handful; who asks for much else has the ordinary way.
inline constexpr std::size_t k_most_known = 32;

/// A request that was heard before, and what answers it when it comes again from anybody whom the kernel
/// tells of the same: the decision turned on nothing else (Response::repeat).
struct KnownRequest {
  std::string bytes;
  transport::Peer by;  ///< without its process
  std::shared_ptr<Repeat> repeat;

  bool is_of(const transport::Peer& peer) const {
    return peer.uid == by.uid && peer.gid == by.gid && peer.groups == by.groups && peer.label == by.label;
  }
};

/// The last of them, of all connections of a server.
class KnownRequests {
 public:
  using Known = std::shared_ptr<KnownRequest>;

  /// What `bytes` begin with, of such a peer; empty where that is not known.
  Known begins(std::string_view bytes, const transport::Peer& peer) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Known& known) {
      return known && bytes.starts_with(known->bytes) && known->is_of(peer);
    });
    return found == all_.end() ? nullptr : *found;
  }
  /// In the place of the oldest.
  Known add(std::string_view bytes, transport::Peer peer) {
    peer.pid = 0;
    peer.pidfd.reset();
    auto& place = all_[next_++ % all_.size()];
    place = std::make_shared<KnownRequest>(KnownRequest{std::string(bytes), std::move(peer), nullptr});
    return place;
  }
  void clear() { all_.fill(nullptr); }
  void forget_old() {
    for (const auto& known : all_)
      if (known && known->repeat && known->repeat->is_over()) known->repeat.reset();
  }

 private:
  std::array<Known, k_most_known> all_;
  std::size_t next_ = 0;
};

}  // namespace fob::broker
