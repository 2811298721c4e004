#include "daemon/store/record_text.hpp"

#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace fob::store {
namespace {

using wire::Slot;
using Text = WipingString;

constexpr std::uint64_t k_record_format = 1;

Error unusable_record(std::string reason) { return fail(ErrorCode::store_damaged, std::move(reason)); }

// The characters that RFC 6749 (appendix A) allows, without the blank.
bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<void> check(const Credential& credential) {
  const std::string_view id = credential.client_id, secret = credential.secret.reveal();
  if (id.empty() || secret.empty())
    return fail(ErrorCode::store, "a credential needs a client id and a secret; one of them is empty");
  if (id.size() > k_max_credential_value || secret.size() > k_max_credential_value)
    return fail(ErrorCode::store, "a client id and a secret have at most " +
                                      std::to_string(k_max_credential_value) + " bytes each");
  if (!is_visible(id) || !is_visible(secret))
    return fail(ErrorCode::store, "a client id and a secret are of visible ASCII characters only");
  return {};
}

WipingJson to_json(const KeptCredential& kept) {
  WipingJson json = WipingJson::object();
  json["version"] = kept.version;
  json["stored_at_ms"] = kept.stored_at.time_since_epoch().count();
  json["untested"] = kept.origin.untested;
  json["bundle_serial"] = kept.origin.bundle_serial;
  json["client_id"] = on_heap(kept.credential.client_id);
  json["client_secret"] = on_heap(kept.credential.secret.reveal());
  return json;
}

// What the parser's events show too late or not at all: a member that stands there twice, and depth.
class Watch {
 public:
  bool operator()(int depth, WipingJson::parse_event_t event, const WipingJson& value) {
    using Event = WipingJson::parse_event_t;
    if (event == Event::object_start) names_.emplace_back();
    if (event == Event::object_end && !names_.empty()) names_.pop_back();
    if (event == Event::key && !names_.empty())
      twice_ = twice_ || !names_.back().insert(value.get_ref<const Text&>()).second;
    too_deep_ = too_deep_ || depth > wire::k_max_json_depth;
    return !too_deep_;
  }
  bool fine() const { return !twice_ && !too_deep_; }

 private:
  std::vector<std::set<Text>> names_;
  bool twice_ = false;
  bool too_deep_ = false;
};

std::optional<std::uint64_t> number(const WipingJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<std::uint64_t>();
  constexpr std::uint64_t k_most = std::numeric_limits<std::int64_t>::max();
  return value <= k_most ? std::optional(value) : std::nullopt;
}

// The time may be before 1970, on a device whose clock is not set.
std::optional<WallTime> time_in(const WipingJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return WallTime(std::chrono::milliseconds(found->get<std::int64_t>()));
}

std::string_view text(const WipingJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  const auto& value = found->get_ref<const Text&>();
  return {value.data(), value.size()};
}

Result<KeptCredential> decode_slot(const WipingJson& json) {
  if (!json.is_object()) return unusable_record("a slot is not an object");
  const auto version = number(json, "version");
  const auto stored_at = time_in(json, "stored_at_ms");
  const auto serial = number(json, "bundle_serial");
  const auto untested = json.find("untested");
  const bool whole = version && *version > 0 && stored_at && serial && untested != json.end() &&
                     untested->is_boolean() && json.size() == 6;
  if (!whole) return unusable_record("a slot is incomplete, or holds something unknown");
  KeptCredential kept{
      {std::string(text(json, "client_id")), SecretBytes::copy_of(text(json, "client_secret"))},
      *version,
      *stored_at,
      {untested->get<bool>(), *serial}};
  if (!check(kept.credential)) return unusable_record("a slot holds no credential");
  return kept;
}

Result<Record> decode(const WipingJson& json, std::string_view profile) {
  if (number(json, "fob_record") != k_record_format)
    return unusable_record("it is not a record of this version of fob");
  if (text(json, "profile") != profile) return unusable_record("it was written for another profile");
  const auto counter = number(json, "counter");
  const auto serial = number(json, "bundle_serial");
  const auto slots = json.find("slots");
  const auto aside = json.find("set_aside");
  const std::size_t members = aside == json.end() ? 5 : 6;
  if (!counter || !serial || slots == json.end() || !slots->is_object() || json.size() != members)
    return unusable_record("it is incomplete, or holds something unknown");
  Record record{*counter, *serial, {}, std::nullopt};
  for (const auto& [name, value] : slots->items()) {
    const auto slot = wire::slot_from({name.data(), name.size()});
    if (!slot) return unusable_record("it holds an unknown slot");
    auto kept = decode_slot(value);
    if (!kept) return kept.error();
    if (kept->version > record.counter) return unusable_record("a slot's version is beyond the counter");
    record.slots.emplace(*slot, std::move(*kept));
  }
  if (aside != json.end()) {
    auto kept = decode_slot(*aside);
    if (!kept) return kept.error();
    record.set_aside = std::move(*kept);
  }
  return record;
}

}  // namespace

Result<SecretBytes> encode_record(const Record& record, std::string_view profile) {
  WipingJson slots = WipingJson::object();
  for (const auto& [slot, kept] : record.slots) {
    if (auto checked = check(kept.credential); !checked) return checked.error();
    slots[on_heap(wire::to_string(slot))] = to_json(kept);
  }
  WipingJson json = WipingJson::object();
  json["fob_record"] = k_record_format;
  json["profile"] = on_heap(profile);
  json["counter"] = record.counter;
  json["bundle_serial"] = record.bundle_serial;
  json["slots"] = std::move(slots);
  if (record.set_aside) {
    if (auto checked = check(record.set_aside->credential); !checked) return checked.error();
    json["set_aside"] = to_json(*record.set_aside);
  }
  const Text dumped = json.dump();
  return SecretBytes::copy_of({dumped.data(), dumped.size()});
}

Result<Record> decode_record(std::string_view text, std::string_view profile) {
  if (text.size() > k_max_record_text)
    return unusable_record("it is larger than the " + std::to_string(k_max_record_text) + " bytes allowed");
  Watch watch;
  const auto callback = [&watch](int depth, WipingJson::parse_event_t event, WipingJson& value) {
    return watch(depth, event, value);
  };
  const auto json = WipingJson::parse(text, callback, false);
  if (!json.is_object() || !watch.fine()) return unusable_record("it is not whole");
  return decode(json, profile);
}

}  // namespace fob::store
