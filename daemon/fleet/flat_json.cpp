#include "daemon/fleet/flat_json.hpp"

#include <algorithm>

namespace fob::fleet {
namespace {

// Ends the parser at the first thing that does not belong, so that nothing deep is ever built.
class Watch {
 public:
  explicit Watch(std::initializer_list<std::string_view> known) : known_(known) {}

  bool operator()(int depth, WipingJson::parse_event_t event, const WipingJson& value) {
    using Event = WipingJson::parse_event_t;
    if (event == Event::array_start || (event == Event::object_start && depth > 0)) sound_ = false;
    if (event == Event::key) take(value.get_ref<const WipingString&>());
    return sound_;
  }
  bool sound() const { return sound_; }

 private:
  void take(std::string_view name) {
    const auto found = std::find(known_.begin(), known_.end(), name);
    const auto bit = found == known_.end() ? 0U : 1U << static_cast<unsigned>(found - known_.begin());
    if (bit == 0 || (seen_ & bit) != 0) sound_ = false;
    seen_ |= bit;
  }

  std::initializer_list<std::string_view> known_;
  std::uint32_t seen_ = 0;
  bool sound_ = true;
};

}  // namespace

std::optional<WipingJson> parse_flat(std::string_view text, std::initializer_list<std::string_view> known) {
  Watch watch(known);
  const auto callback = [&watch](int depth, WipingJson::parse_event_t event, WipingJson& value) {
    return watch(depth, event, value);
  };
  WipingJson json = WipingJson::parse(text, callback, false);
  if (!watch.sound() || !json.is_object()) return std::nullopt;
  return json;
}

std::optional<std::string_view> text_member(const WipingJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const WipingString&>();
  return std::string_view(text.data(), text.size());
}

std::optional<std::uint64_t> number_member(const WipingJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

}  // namespace fob::fleet
