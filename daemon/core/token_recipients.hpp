// Who was lately given a profile's token, for an operator who looks. Bounded however many ask: a process that
// comes again is counted, and a crowd of the same kind, such as a script that starts a client for each token,
// takes the places of its own, not those of others. Pure.
#pragma once

#include "daemon/core/peer_facts.hpp"
#include "ipc/base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace fob::core {

/// How a token was handed out.
enum class Handing : std::uint8_t { request, page, events };
std::string_view to_string(Handing how);

struct Recipient {
  pid_t pid = 0;
  uid_t uid = 0;
  std::string unit, exe;  ///< as far as a grant made somebody look; else ""
  Handing how = Handing::request;
  BootTime at;              ///< the last time
  std::uint64_t count = 1;  ///< how often, as long as it has been among the last
};

class TokenRecipients {
 public:
  static constexpr std::size_t k_most = 8;

  void add(const PeerFacts& peer, Handing how, BootTime now);
  /// The same of a process whose unit and program nobody looked at, which asked by a request.
  void add(pid_t pid, uid_t uid, BootTime now);
  std::vector<Recipient> newest_first() const;

 private:
  void add(Recipient recipient);
  std::size_t place_for(const Recipient& newcomer) const;

  std::vector<Recipient> all_;
};

}  // namespace fob::core
