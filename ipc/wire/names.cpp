#include "ipc/wire/names.hpp"

#include "ipc/wire/limits.hpp"

#include <algorithm>

namespace fob::wire {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_profile_name(std::string_view text) {
  if (text.empty() || text.size() > k_max_profile_name || !is_alphanumeric(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_bearer_token(std::string_view text) {
  return !text.empty() && text.size() <= k_max_token &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_scope(std::string_view text) {
  return !text.empty() && text.size() <= k_max_scope_length &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

bool is_stored_at(std::int64_t seconds) {
  return seconds >= k_earliest_stored_at.time_since_epoch().count() &&
         seconds <= k_latest_stored_at.time_since_epoch().count();
}

std::string_view to_string(Slot slot) {
  switch (slot) {
    case Slot::current:
      return "current";
    case Slot::next:
      return "next";
    case Slot::previous:
      return "previous";
  }
  return "current";
}

std::optional<Slot> slot_from(std::string_view text) {
  for (const Slot slot : {Slot::current, Slot::next, Slot::previous})
    if (text == to_string(slot)) return slot;
  return std::nullopt;
}

}  // namespace fob::wire
