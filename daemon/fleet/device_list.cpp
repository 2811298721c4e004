#include "daemon/fleet/device_list.hpp"

#include "daemon/fleet/enrol_line.hpp"
#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/text_input.hpp"
#include "ipc/base/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <tuple>
#include <unistd.h>

namespace fob::fleet {
namespace {

std::uint64_t mark_of(const PublicKey& key) {
  std::uint64_t mark = 0;
  std::memcpy(&mark, key.data(), sizeof mark);
  return mark;
}

std::string two_lines(std::size_t first, std::size_t second) {
  return "lines " + std::to_string(std::min(first, second)) + " and " +
         std::to_string(std::max(first, second));
}

}  // namespace

std::string_view DeviceList::id(std::size_t device) const {
  return std::string_view(ids_).substr(rows_[device].id_start, rows_[device].id_size);
}

Error DeviceListReader::at(std::size_t line, const std::string& what) const {
  return fail(ErrorCode::bad_request, name_ + ", line " + std::to_string(line) + ": " + what);
}

Result<void> DeviceListReader::feed(std::string_view piece) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const auto part = piece.substr(0, end);
    if (pending_.size() + part.size() > k_max_enrol_line)
      return at(line_ + 1, "it is longer than " + std::to_string(k_max_enrol_line) + " bytes");
    if (end == std::string_view::npos) {
      pending_ += part;
      return {};
    }
    pending_ += part;
    const auto taken = take_line(pending_);
    if (!taken) return taken;
    pending_.clear();
    piece.remove_prefix(end + 1);
  }
  return {};
}

Result<void> DeviceListReader::take_line(std::string_view line) {
  ++line_;
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return {};
  const auto device = parse_enrol_line(line);
  if (!device) return at(line_, device.error().detail);
  if (list_.rows_.size() == k_max_devices)
    return at(line_, "more than the " + std::to_string(k_max_devices) + " devices that a bundle can hold");
  list_.rows_.push_back({device->box_key, mark_of(device->sign_key), static_cast<std::uint32_t>(line_),
                         static_cast<std::uint32_t>(list_.ids_.size()),
                         static_cast<std::uint8_t>(device->id.size())});
  list_.ids_ += device->id;
  return {};
}

Result<DeviceList> DeviceListReader::finish() {
  if (!pending_.empty())
    if (auto taken = take_line(pending_); !taken) return taken.error();
  if (list_.rows_.empty())
    return fail(ErrorCode::bad_request,
                name_ + " enrols no device; it takes the lines that `fob fleet enrol` prints");
  if (auto dropped = drop_repeated(); !dropped) return dropped.error();
  if (auto ordered = order_by_key(); !ordered) return ordered.error();
  return std::move(list_);
}

// One line for each name; the first, where several say the same.
Result<void> DeviceListReader::drop_repeated() {
  using Row = DeviceList::Row;
  const auto id = [&](const Row& row) {
    return std::string_view(list_.ids_).substr(row.id_start, row.id_size);
  };
  auto& rows = list_.rows_;
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return std::forward_as_tuple(id(a), a.line) < std::forward_as_tuple(id(b), b.line);
  });
  const auto differ = std::adjacent_find(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return id(a) == id(b) && (a.box_key != b.box_key || a.sign_mark != b.sign_mark);
  });
  if (differ != rows.end())
    return fail(ErrorCode::bad_request, name_ + ", " + two_lines(differ->line, (differ + 1)->line) + ": " +
                                            std::string(id(*differ)) +
                                            " is enrolled with two keys; keep the line of the newer "
                                            "enrolment, after asking the device which one it has");
  rows.erase(
      std::unique(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return id(a) == id(b); }),
      rows.end());
  return {};
}

Result<void> DeviceListReader::order_by_key() {
  using Row = DeviceList::Row;
  auto& rows = list_.rows_;
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.box_key < b.box_key; });
  const auto same = std::adjacent_find(rows.begin(), rows.end(),
                                       [](const Row& a, const Row& b) { return a.box_key == b.box_key; });
  if (same == rows.end()) return {};
  const auto index = static_cast<std::size_t>(same - rows.begin());
  return fail(ErrorCode::bad_request,
              name_ + ", " + two_lines(same->line, (same + 1)->line) + ": " + std::string(list_.id(index)) +
                  " and " + std::string(list_.id(index + 1)) +
                  " have the same key, as when one disk was copied to both; enrol one of them anew");
}

Result<DeviceList> read_device_list(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return fail(ErrorCode::usage, with_errno("cannot read " + path.string()));
  DeviceListReader reader(path.string());
  std::vector<char> piece(k_chunk);
  while (true) {
    const ssize_t n = ::read(fd.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::usage, with_errno("cannot read " + path.string()));
    if (n == 0) return reader.finish();
    if (auto fed = reader.feed({piece.data(), static_cast<std::size_t>(n)}); !fed) return fed.error();
  }
}

}  // namespace fob::fleet
