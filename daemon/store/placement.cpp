#include "daemon/store/placement.hpp"

#include "daemon/config/store_choice.hpp"
#include "daemon/store/private_file.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/names.hpp"

namespace fob::store {
namespace {

using wire::Json;

constexpr std::int64_t k_placement_format = 1;
// Thousands of profiles.
constexpr std::size_t k_max_placement = 1024 * 1024;
constexpr std::size_t k_max_profiles = 16 * 1024;

std::filesystem::path file_in(const std::filesystem::path& vault) { return vault / "placement.json"; }

Error unusable_placement(std::string reason) { return fail(ErrorCode::store_locked, std::move(reason)); }

Result<Place> decode_place(const Json& json) {
  if (!json.is_object() || wire::unknown_member(json, {"store", "leftover", "version", "bundle_serial"}))
    return unusable_placement("a profile's entry holds something unknown");
  const auto store = config::store_kind_from(wire::string_member(json, "store").value_or(""));
  if (!store) return unusable_placement("a profile is in a store that this version of fob does not know");
  const auto version = wire::integer_member(json, "version");
  const auto serial = wire::integer_member(json, "bundle_serial");
  if (!version || *version < 0 || !serial || *serial < 0)
    return unusable_placement("a profile's entry is incomplete");
  Place place{*store, std::nullopt, static_cast<std::uint64_t>(*version),
              static_cast<std::uint64_t>(*serial)};
  if (json.contains("leftover")) {
    place.leftover = config::store_kind_from(wire::string_member(json, "leftover").value_or(""));
    if (!place.leftover)
      return unusable_placement("a leftover is in a store that this version of fob does not know");
  }
  return place;
}

}  // namespace

Result<Placement> decode_placement(std::string_view text) {
  const auto json = wire::parse_object(text, k_max_placement, ErrorCode::store_locked, k_max_profiles);
  if (!json) return unusable_placement("it is not whole (" + json.error().detail + ")");
  const auto profiles = json->find("profiles");
  const bool whole = wire::integer_member(*json, "fob_placement") == k_placement_format &&
                     profiles != json->end() && profiles->is_object() &&
                     !wire::unknown_member(*json, {"fob_placement", "profiles"});
  if (!whole) return unusable_placement("it is not a placement file of this version of fob");
  Placement placement;
  for (const auto& [name, value] : profiles->items()) {
    if (!wire::is_profile_name(name)) return unusable_placement("it names what is no profile");
    auto place = decode_place(value);
    if (!place) return place.error();
    placement.emplace(name, *place);
  }
  return placement;
}

std::string encode_placement(const Placement& placement) {
  Json profiles = Json::object();
  for (const auto& [name, place] : placement) {
    profiles[name] = {{"store", to_string(place.store)},
                      {"version", place.version},
                      {"bundle_serial", place.bundle_serial}};
    if (place.leftover) profiles[name]["leftover"] = to_string(*place.leftover);
  }
  return wire::dump({{"fob_placement", k_placement_format}, {"profiles", std::move(profiles)}}) + "\n";
}

Result<Placement> read_placement(const std::filesystem::path& vault) {
  const auto directory = open_private_directory(vault);
  if (!directory) return directory.error();
  const auto fd = *directory ? open_private_file(file_in(vault), Sharing::none) : UniqueFd();
  if (!fd) return fd.error();
  if (!*fd) return Placement();
  const auto text = read_all(fd->get(), k_max_placement, ErrorCode::store_locked, file_in(vault).string());
  if (!text) return text.error();
  auto placement = decode_placement(*text);
  if (!placement)
    return unusable_placement(
        file_in(vault).string() + " cannot be used: " + placement.error().detail +
        ". Without it, each profile is looked for in the store that [daemon] names; if that is "
        "where yours are, delete the file");
  return placement;
}

Result<void> write_placement(const std::filesystem::path& vault, const Placement& placement) {
  return replace_file(file_in(vault), encode_placement(placement), 0600, ErrorCode::store);
}

}  // namespace fob::store
