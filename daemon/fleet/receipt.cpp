#include "daemon/fleet/receipt.hpp"

#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/wrong.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace fob::fleet {
namespace {

using namespace std::string_view_literals;
using wire::Json;

constexpr std::int64_t k_receipt_format = 1;

// In the order of Outcome.
constexpr std::array<std::string_view, k_outcomes> k_words = {"applied"sv, "staged"sv,   "waiting"sv,
                                                              "refused"sv, "rejected"sv, "failed"sv};

bool is_word(std::string_view text) {
  return text.size() <= k_max_reason && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::optional<std::uint64_t> count_member(const Json& json, const char* name) {
  const auto number = wire::integer_member(json, name);
  if (!number || *number < 0 || static_cast<std::uint64_t>(*number) > k_max_serial) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

}  // namespace

std::string_view to_string(Outcome outcome) { return k_words.at(static_cast<std::size_t>(outcome)); }

std::optional<Outcome> outcome_from(std::string_view text) {
  const auto* word = std::find(k_words.begin(), k_words.end(), text);
  if (word == k_words.end()) return std::nullopt;
  return static_cast<Outcome>(word - k_words.begin());
}

std::string encode_receipt(const Receipt& receipt) {
  return wire::dump({{"fob_receipt", k_receipt_format},
                     {"device", receipt.device},
                     {"profile", receipt.profile},
                     {"serial", receipt.serial},
                     {"outcome", to_string(receipt.outcome)},
                     {"reason", receipt.reason},
                     {"detail", wire::printable(receipt.detail, k_max_receipt_detail)},
                     {"time", to_text(receipt.time)},
                     {"version", receipt.version},
                     {"bundle", wire::printable(receipt.bundle, k_max_bundle_name)}}) +
         "\n";
}

Result<Receipt> decode_receipt(std::string_view text) {
  const auto json = wire::parse_object(text, k_max_receipt, ErrorCode::bad_request);
  if (!json) return wrong("this is no receipt (" + json.error().detail + ")");
  if (wire::integer_member(*json, "fob_receipt") != k_receipt_format)
    return wrong("this is no receipt of this version of fob");
  if (const auto unknown =
          wire::unknown_member(*json, {"fob_receipt", "device", "profile", "serial", "outcome", "reason",
                                       "detail", "time", "version", "bundle"}))
    return wrong("this receipt has an unknown member \"" + *unknown + "\"");

  const auto member = [&](const char* name) { return wire::string_member(*json, name); };
  const auto device = member("device"), profile = member("profile"), reason = member("reason"),
             detail = member("detail"), bundle = member("bundle");
  const auto serial = count_member(*json, "serial"), version = count_member(*json, "version");
  const auto outcome = outcome_from(member("outcome").value_or(""));
  const auto time = time_from(member("time").value_or(""));
  if (!device || !profile || !serial || !outcome || !reason || !detail || !time || !version || !bundle)
    return wrong("this receipt lacks a member, or has one of the wrong kind");
  if (!is_device_id(*device) || (!profile->empty() && !wire::is_profile_name(*profile)) || !is_word(*reason))
    return wrong("this receipt has a name or a reason that is none");
  return Receipt{*device,  *profile, *serial,
                 *outcome, *reason,  wire::printable(*detail, k_max_receipt),
                 *time,    *version, wire::printable(*bundle, k_max_receipt)};
}

}  // namespace fob::fleet
