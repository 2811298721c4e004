#include "daemon/cli/outbox.hpp"

#include "daemon/fleet/limits.hpp"
#include "daemon/store/private_file.hpp"
#include "ipc/base/file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace fob::cli {
namespace {

namespace fs = std::filesystem;
using fleet::Outcome;
using fleet::Receipt;

// Hostile bundles must not fill the disk with receipts of them.
constexpr std::size_t k_most_receipts = 1000;

std::string beginning(const Receipt& receipt) {
  return receipt.device + "." + (receipt.profile.empty() ? "unknown" : receipt.profile) + "." +
         std::to_string(receipt.serial) + ".";
}

std::string file_name(const Receipt& receipt) {
  return beginning(receipt) +
         (receipt.reason.empty() ? std::string(to_string(receipt.outcome)) : receipt.reason) + ".json";
}

bool is_of_success(std::string_view name) {
  return name.ends_with(".applied.json") || name.ends_with(".staged.json");
}

UniqueFd open_directory(const fs::path& directory) {
  return UniqueFd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

Result<void> Outbox::prepare() const { return make_directory(directory_, 0700, ErrorCode::store); }

Result<UniqueFd> Outbox::take_turn() const {
  UniqueFd fd = open_directory(directory_);
  while (fd && ::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return fail(ErrorCode::store, with_errno(directory_.string()));
  if (!fd) return fail(ErrorCode::store, with_errno(directory_.string()) + "; it must be a directory");
  return fd;
}

Result<void> Outbox::leave(const Receipt& receipt) const {
  tidy(receipt.device);
  // What a crash left: whoever wrote it is gone, since it is our turn.
  store::remove_leftovers(directory_, ".json");
  return replace_file(directory_ / file_name(receipt), encode_receipt(receipt), 0644, ErrorCode::store);
}

void Outbox::tidy(const std::string& device) const {
  const UniqueFd at = open_directory(directory_);
  std::vector<std::tuple<bool, std::int64_t, std::string>> receipts;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; at && !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    struct stat facts {};
    const bool is_receipt = name.starts_with(device + ".") && name.ends_with(".json") &&
                            ::fstatat(at.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                            S_ISREG(facts.st_mode);
    if (is_receipt) receipts.emplace_back(is_of_success(name), facts.st_mtim.tv_sec, name);
  }
  if (receipts.size() < k_most_receipts) return;
  std::sort(receipts.begin(), receipts.end());
  receipts.resize(receipts.size() - k_most_receipts + 1);
  for (const auto& [success, time, name] : receipts) ::unlinkat(at.get(), name.c_str(), 0);
}

bool Outbox::tells_of_success(const Receipt& receipt) const {
  const auto there = [&](const char* outcome) {
    std::error_code ignored;
    return fs::exists(directory_ / (beginning(receipt) + outcome + ".json"), ignored);
  };
  return there("applied") || there("staged");
}

std::vector<Receipt> Outbox::staged() const {
  std::vector<Receipt> receipts;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().ends_with(".staged.json")) continue;
    const auto text = read_file(it->path(), fleet::k_max_receipt, ErrorCode::store);
    const auto receipt = text ? fleet::decode_receipt(*text) : Result<Receipt>(text.error());
    if (receipt && receipt->outcome == Outcome::staged) receipts.push_back(*receipt);
  }
  return receipts;
}

Result<void> Outbox::follow_up(const Receipt& before, const Receipt& after) const {
  if (auto left = leave(after); !left) return left;
  return remove_file(directory_ / file_name(before), ErrorCode::store);
}

}  // namespace fob::cli
