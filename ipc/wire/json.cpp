#include "ipc/wire/json.hpp"

#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

namespace fob::wire {
namespace {

// Watches the parser: stops taking values in beyond the bounds of depth and of an object's members, and
// notices a member named twice (two readers of the same bytes must never see different values). Members in
// their order are searched one by one, so without a bound a few thousand of them cost more than a thousand
// honest messages.
class Watch {
 public:
  explicit Watch(std::size_t most) : most_(most) {}
  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    if (depth > k_max_json_depth) too_deep_ = true;
    if (event == Json::parse_event_t::object_start) members_.emplace_back();
    if (event == Json::parse_event_t::object_end && !members_.empty()) members_.pop_back();
    if (event == Json::parse_event_t::key && !members_.empty()) {
      if (members_.back().size() >= most_) too_many_ = true;
      if (!too_many_ && !members_.back().insert(value.get<std::string>()).second) duplicate_ = true;
    }
    return !too_deep_ && !too_many_;
  }
  bool too_many() const { return too_many_; }
  bool too_deep() const { return too_deep_; }
  bool duplicate() const { return duplicate_; }

 private:
  std::size_t most_;
  bool too_deep_ = false;
  bool too_many_ = false;
  bool duplicate_ = false;
  std::vector<std::set<std::string>> members_;
};

}  // namespace

Result<Json> parse_object(std::string_view text, std::size_t limit, ErrorCode code, std::size_t members) {
  if (text.size() > limit) return fail(code, "the JSON is larger than " + std::to_string(limit) + " bytes");
  Watch watch(members);
  const auto callback = [&watch](int depth, Json::parse_event_t event, Json& value) {
    return watch(depth, event, value);
  };
  Json json = Json::parse(text, callback, false);
  if (watch.too_deep()) return fail(code, "the JSON nests deeper than " + std::to_string(k_max_json_depth));
  if (watch.too_many())
    return fail(code, "an object of the JSON has more than " + std::to_string(members) + " members");
  if (json.is_discarded()) return fail(code, "this is not JSON");
  if (watch.duplicate()) return fail(code, "the JSON names a member twice");
  if (!json.is_object()) return fail(code, "the JSON is not an object");
  return Result<Json>(boost::system::in_place_value, std::move(json));
}

std::optional<std::string> unknown_member(const Json& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items())
    if (std::find(known.begin(), known.end(), name) == known.end()) return printable(name, 64);
  return std::nullopt;
}

std::optional<std::string> string_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::string shown_member(const Json& object, const char* name, std::size_t limit) {
  return printable(string_member(object, name).value_or(""), limit);
}

bool is_true(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && *found == true;
}

std::optional<std::int64_t> integer_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned() &&
      found->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return found->get<std::int64_t>();
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace fob::wire
