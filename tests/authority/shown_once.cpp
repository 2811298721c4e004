#include "tests/authority/shown_once.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace fob::authority {
namespace {

// A browser follows a redirect at once; a person in a debugger takes longer.
constexpr std::chrono::minutes k_waits{5};
// More forms than anybody sends within a redirect; each holds a page of locked memory.
constexpr std::size_t k_max_waiting = 16;

std::string random_key() {
  std::array<unsigned char, 16> raw{};
  randombytes_buf(raw.data(), raw.size());
  std::string text(2 * raw.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), raw.data(), raw.size());
  text.pop_back();
  return text;
}

}  // namespace

void ShownOnce::forget_old(WallTime now) {
  // The sandbox's clock may be set back; what seems to come from the future is as good as old.
  std::erase_if(waiting_, [&](const auto& w) { return w.since > now || now - w.since > k_waits; });
}

std::string ShownOnce::keep(NewCredential created, WallTime now) {
  forget_old(now);
  if (waiting_.size() == k_max_waiting) waiting_.erase(waiting_.begin());
  waiting_.push_back({random_key(), std::move(created), now});
  return waiting_.back().key;
}

std::optional<NewCredential> ShownOnce::take(std::string_view key, WallTime now) {
  forget_old(now);
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& w) { return w.key == key; });
  if (found == waiting_.end()) return std::nullopt;
  std::optional<NewCredential> created = std::move(found->created);
  waiting_.erase(found);
  return created;
}

}  // namespace fob::authority
