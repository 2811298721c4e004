#include "ipc/wire/event_stream.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/problem_json.hpp"

#include <utility>

namespace fob::wire {
namespace {

// The text after "NAME:", without the one space that may stand there.
std::optional<std::string_view> field(std::string_view line, std::string_view name) {
  if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
  line.remove_prefix(name.size() + 1);
  if (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

}  // namespace

// JSON of ours has no line breaks, so that one data line is enough.
std::string encode(const Event& event) { return "event: " + event.name + "\ndata: " + event.data + "\n\n"; }

Event token_event(const TokenAnswer& answer) { return {"token", encode(answer)}; }

Event unavailable_event(const std::string& profile, const Problem& problem) {
  Json data = to_json(problem);
  data["profile"] = profile;
  if (problem.retry_after) data["retry_after"] = problem.retry_after->count();
  return {"unavailable", dump(data)};
}

Event revoked_event(const std::string& profile) { return {"revoked", dump({{"profile", profile}})}; }

Result<void> EventReader::take(std::string_view bytes) {
  rest_.append(bytes);
  std::size_t begin = 0;
  for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
    std::string_view line(rest_.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    take_line(line);
    begin = end + 1;
  }
  rest_.erase(0, begin);
  if (rest_.size() + pending_.data.size() > k_max_answer)
    return fail(ErrorCode::internal,
                "fobd sent an event longer than " + std::to_string(k_max_answer) + " bytes");
  return {};
}

void EventReader::take_line(std::string_view line) {
  if (line.empty()) {
    if (!pending_.data.empty()) whole_.push_back(std::move(pending_));
    pending_ = {};
  } else if (const auto name = field(line, "event")) {
    pending_.name = *name;
  } else if (const auto data = field(line, "data")) {
    if (!pending_.data.empty()) pending_.data += '\n';
    pending_.data += *data;
  }
}

std::optional<Event> EventReader::next() {
  if (whole_.empty()) return std::nullopt;
  Event event = std::move(whole_.front());
  whole_.pop_front();
  return event;
}

}  // namespace fob::wire
