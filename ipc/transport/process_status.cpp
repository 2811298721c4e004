#include "ipc/transport/process_status.hpp"

#include <charconv>
#include <cstdint>
#include <string>

namespace fob::transport {
namespace {

// The numbers of the line "NAME:"; nothing without such a line, or with anything else on it.
std::optional<std::vector<std::uint32_t>> numbers_of(std::string_view text, std::string_view name) {
  const std::string start = "\n" + std::string(name) + ":";
  const auto found = text.find(start);
  if (found == text.npos) return std::nullopt;
  std::string_view line = text.substr(found + start.size());
  line = line.substr(0, line.find('\n'));
  std::vector<std::uint32_t> numbers;
  while (true) {
    const auto next = line.find_first_not_of(" \t");
    if (next == line.npos) return numbers;
    line.remove_prefix(next);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc()) return std::nullopt;
    numbers.push_back(number);
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  }
}

constexpr std::size_t k_effective = 1;  // real, effective, saved, file system
constexpr std::size_t k_ids = 4;

}  // namespace

std::optional<ProcessStatus> parse_process_status(std::string_view text) {
  const auto uids = numbers_of(text, "Uid");
  const auto gids = numbers_of(text, "Gid");
  auto groups = numbers_of(text, "Groups");
  if (!uids || uids->size() != k_ids || !gids || gids->size() != k_ids || !groups) return std::nullopt;
  return ProcessStatus{(*uids)[k_effective], (*gids)[k_effective], std::move(*groups)};
}

}  // namespace fob::transport
