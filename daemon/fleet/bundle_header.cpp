#include "daemon/fleet/bundle_header.hpp"

#include "daemon/fleet/limits.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/names.hpp"

#include <sodium.h>

#include <algorithm>
#include <optional>

namespace fob::fleet {
namespace {

using wire::Json;

constexpr std::int64_t k_bundle_format = 1;

// What every sum over a bundle comes to at most, far from where 64 bits end.
static_assert(k_max_header + k_max_devices * (sizeof(PublicKey) + k_max_box) + sizeof(Signature) <
              std::uint64_t{1} << 40);

Refusal malformed(std::string detail) { return {Reason::malformed, std::move(detail)}; }

bool is_storable(Time time) { return time_from(to_text(time)) == time; }

std::string fault_of_waves(const BundleHeader& header) {
  const auto& waves = header.waves;
  if (waves.empty() || waves.size() > k_max_waves)
    return "it must have 1 to " + std::to_string(k_max_waves) + " waves";
  for (std::size_t i = 0; i < waves.size(); ++i) {
    const unsigned before = i == 0 ? 0 : waves[i - 1].percent;
    if (waves[i].percent <= before || waves[i].percent > 100)
      return "the waves' percents must ascend, each more than the one before";
    if (i > 0 && waves[i].from < waves[i - 1].from) return "a wave must not begin before the one before it";
    if (!is_storable(waves[i].from)) return "a wave's time is out of range";
  }
  if (waves.back().percent != 100) return "the last wave must have 100 percent";
  if (waves.back().from >= header.not_after) return "a wave would begin after the bundle's time is over";
  return {};
}

std::optional<Time> time_member(const Json& json, const char* name) {
  return time_from(wire::string_member(json, name).value_or(""));
}

std::optional<std::vector<Wave>> waves_in(const Json& json) {
  const auto list = json.find("waves");
  if (list == json.end() || !list->is_array() || list->size() > k_max_waves) return std::nullopt;
  std::vector<Wave> waves;
  for (const Json& item : *list) {
    if (!item.is_object() || wire::unknown_member(item, {"percent", "from"})) return std::nullopt;
    const auto percent = wire::integer_member(item, "percent");
    const auto from = time_member(item, "from");
    if (!percent || *percent < 1 || *percent > 100 || !from) return std::nullopt;
    waves.push_back({static_cast<unsigned>(*percent), *from});
  }
  return waves;
}

Verified<BundleHeader> decode(const Json& json) {
  if (wire::integer_member(json, "fob_bundle") != k_bundle_format)
    return malformed("its format is not number 1");
  if (const auto unknown =
          wire::unknown_member(json, {"fob_bundle", "profile", "serial", "created", "not_before", "not_after",
                                      "devices", "box_bytes", "waves", "signer"}))
    return malformed("its header has an unknown member \"" + *unknown + "\"");
  const auto profile = wire::string_member(json, "profile");
  const auto serial = wire::integer_member(json, "serial");
  const auto created = time_member(json, "created");
  const auto not_before = time_member(json, "not_before");
  const auto not_after = time_member(json, "not_after");
  const auto devices = wire::integer_member(json, "devices");
  const auto box_bytes = wire::integer_member(json, "box_bytes");
  const auto waves = waves_in(json);
  const auto signer = public_key_from(wire::string_member(json, "signer").value_or(""));
  if (!profile || !serial || *serial < 0 || !created || !not_before || !not_after || !devices ||
      *devices < 0 || !box_bytes || *box_bytes < 0 || !waves || !signer)
    return malformed("its header lacks a member, or has one of the wrong kind");
  if (static_cast<std::uint64_t>(*devices) > k_max_devices)
    return Refusal{Reason::too_large, std::to_string(*devices) + " devices"};
  if (static_cast<std::uint64_t>(*box_bytes) > k_max_box)
    return Refusal{Reason::too_large, "boxes of " + std::to_string(*box_bytes) + " bytes"};
  return BundleHeader{*profile,
                      static_cast<std::uint64_t>(*serial),
                      *created,
                      *not_before,
                      *not_after,
                      static_cast<std::uint64_t>(*devices),
                      static_cast<std::size_t>(*box_bytes),
                      *waves,
                      *signer};
}

}  // namespace

std::string fault_of(const BundleHeader& header) {
  if (!wire::is_profile_name(header.profile)) return "its profile's name is none";
  if (header.serial < 1 || header.serial > k_max_serial) return "its serial must be 1 to 2^53";
  if (header.devices < 1 || header.devices > k_max_devices)
    return "it must be for 1 to " + std::to_string(k_max_devices) + " devices";
  if (header.box_bytes < crypto_box_SEALBYTES + k_payload_step || header.box_bytes > k_max_box ||
      (header.box_bytes - crypto_box_SEALBYTES) % k_payload_step != 0)
    return "its boxes have a size that none has";
  if (!is_storable(header.created) || !is_storable(header.not_before) || !is_storable(header.not_after))
    return "a time is out of range";
  if (header.not_before >= header.not_after) return "its time would be over before it begins";
  return fault_of_waves(header);
}

std::string encode_header(const BundleHeader& header) {
  Json waves = Json::array();
  for (const Wave& wave : header.waves)
    waves.push_back({{"percent", wave.percent}, {"from", to_text(wave.from)}});
  const Json json = {{"fob_bundle", k_bundle_format},
                     {"profile", header.profile},
                     {"serial", header.serial},
                     {"created", to_text(header.created)},
                     {"not_before", to_text(header.not_before)},
                     {"not_after", to_text(header.not_after)},
                     {"devices", header.devices},
                     {"box_bytes", header.box_bytes},
                     {"waves", std::move(waves)},
                     {"signer", to_base64(header.signer)}};
  return wire::dump(json) + "\n";
}

Verified<BundleHeader> parse_header(std::string_view start) {
  start = start.substr(0, k_max_header);
  const auto end = start.find('\n');
  if (end == std::string_view::npos) {
    if (start.empty() || (start.front() == '{' && start.size() < k_max_header))
      return Refusal{Reason::truncated, "it ends within its header"};
    return malformed("it does not begin with a line of JSON");
  }
  const auto json = wire::parse_object(start.substr(0, end), k_max_header, ErrorCode::bad_request);
  if (!json) return malformed("its header is no line of JSON: " + json.error().detail);
  auto header = decode(*json);
  if (!header) return header;
  if (auto fault = fault_of(*header); !fault.empty()) return malformed(std::move(fault));
  return header;
}

BundleLayout layout_of(const BundleHeader& header, std::size_t header_bytes) {
  BundleLayout layout;
  layout.table = header_bytes;
  layout.boxes = layout.table + header.devices * sizeof(PublicKey);
  layout.signature = layout.boxes + header.devices * header.box_bytes;
  layout.end = layout.signature + sizeof(Signature);
  return layout;
}

std::uint64_t devices_up_to(const BundleHeader& header, std::size_t wave) {
  return (header.devices * header.waves.at(wave).percent + 99) / 100;
}

}  // namespace fob::fleet
