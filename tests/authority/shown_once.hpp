// A new secret on its way from the form that asked for it to the one page that shows it: a redirect lies
// between, so that reloading the page does not create a second credential. Its key is unguessable and good
// for one look; what nobody fetches is wiped when somebody next comes.
#pragma once

#include "ipc/base/clock.hpp"
#include "tests/authority/credentials.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::authority {

class ShownOnce {
 public:
  /// The key by which take() gives it back. The oldest give way when too many wait.
  std::string keep(NewCredential created, WallTime now);
  /// Once; nothing if the key is unknown, used or too old.
  std::optional<NewCredential> take(std::string_view key, WallTime now);

 private:
  struct Waiting {
    std::string key;
    NewCredential created;
    WallTime since;
  };

  void forget_old(WallTime now);

  std::vector<Waiting> waiting_;
};

}  // namespace fob::authority
