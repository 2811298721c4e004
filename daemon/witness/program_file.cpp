#include "daemon/witness/program_file.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/pidfd.hpp"
#include "ipc/wire/limits.hpp"

#include <sodium.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace fob::witness {
namespace {

// A program is a fraction of this; more would keep whoever asks waiting for nothing.
constexpr std::int64_t k_most_hashed = 1024 * 1024 * 1024;
constexpr std::size_t k_chunk = 256 * 1024;

constexpr const char* k_ended = "the process has ended";
constexpr const char* k_replaced = "its program file was replaced since it started; restart it";

wire::Testimony known(std::string value) { return {std::move(value), ""}; }
wire::Testimony unknown(std::string why) { return {std::nullopt, std::move(why)}; }

wire::WitnessAnswer unknown_all(const wire::WitnessQuestion& question, const std::string& why) {
  wire::WitnessAnswer answer;
  if (question.exe) answer.exe = unknown(why);
  if (question.exe_sha256) answer.exe_sha256 = unknown(why);
  return answer;
}

std::string link_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Where a symbolic link of /proc leads to; nothing, with errno, where it cannot be read.
std::optional<std::string> target_of(const std::string& link) {
  std::string target(wire::k_max_path + 1, '\0');
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  target.resize(static_cast<std::size_t>(size));
  return target;
}

// A file on a mount of another namespace is named from that namespace's root (d_path in the kernel). The
// system's own root may be below it: systemd-nspawn in a chroot moves it there, and so does `runc
// --no-pivot`.
std::string below_the_systems_root(const std::string& path) {
  const auto root = target_of("/proc/1/root");
  return root && path.starts_with(*root + "/") ? path.substr(root->size()) : path;
}

wire::Testimony path_of(int program, const struct stat& facts) {
  const auto target = target_of(link_of(program));
  if (!target) return unknown(with_errno("its program's path cannot be read"));
  if (!wire::is_plain_path(*target)) return unknown("its program's path is too long, or is not plain text");
  std::string why = k_replaced;
  for (const auto& path : {*target, below_the_systems_root(*target)}) {
    struct stat here {};
    const bool seen = ::stat(path.c_str(), &here) == 0;
    if (seen && same_file(here, facts)) return known(path);
    if (!seen && errno != ENOENT && errno != ENOTDIR) why = with_errno("fob-witness cannot look at " + path);
  }
  return unknown(why);
}

// The hash of what `file` holds; nothing, with errno, where it cannot be read.
std::optional<std::string> hash_of(int file) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<unsigned char> chunk(k_chunk);
  std::int64_t read_so_far = 0;
  while (true) {
    const ssize_t n = ::read(file, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    read_so_far += n;
    if (read_so_far > k_most_hashed) return std::nullopt;
    crypto_hash_sha256_update(&state, chunk.data(), static_cast<unsigned long long>(n));
  }
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256_final(&state, hash.data());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return std::string(hex.data());
}

wire::Testimony content_of(int program, const struct stat& facts, HashCache& hashes) {
  if (!S_ISREG(facts.st_mode)) return unknown("its program is not a regular file");
  if (facts.st_size > k_most_hashed) return unknown("its program file is larger than 1 GiB");
  if (auto before = hashes.find(state_of(facts))) return known(std::move(*before));
  const UniqueFd file(::open(link_of(program).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return unknown(with_errno("fob-witness cannot read its program file"));
  auto hash = hash_of(file.get());
  if (!hash) return unknown(with_errno("fob-witness cannot read its program file to the end"));
  struct stat after {};
  if (::fstat(file.get(), &after) != 0 || state_of(after) != state_of(facts))
    return unknown("its program file was written to just now");
  hashes.put(state_of(facts), *hash);
  return known(std::move(*hash));
}

}  // namespace

FileState state_of(const struct stat& facts) {
  return {facts.st_dev,          facts.st_ino,         facts.st_size,        facts.st_mtim.tv_sec,
          facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec};
}

std::optional<std::string> HashCache::find(const FileState& state) const {
  const std::lock_guard lock(mutex_);
  const auto found = hashes_.find(state);
  if (found == hashes_.end()) return std::nullopt;
  return found->second;
}

void HashCache::put(const FileState& state, std::string hash) {
  const std::lock_guard lock(mutex_);
  if (!hashes_.emplace(state, std::move(hash)).second) return;
  order_.push_back(state);
  if (order_.size() <= k_most) return;
  hashes_.erase(order_.front());
  order_.pop_front();
}

wire::WitnessAnswer look(int pidfd, const wire::WitnessQuestion& question, HashCache& hashes) {
  const auto pid = pid_of(pidfd);
  if (!pid) return unknown_all(question, k_ended);
  const std::string link = "/proc/" + std::to_string(*pid) + "/exe";
  const UniqueFd program(::open(link.c_str(), O_PATH | O_CLOEXEC));
  if (!program) {
    if (errno == ENOENT || errno == ESRCH || has_ended(pidfd)) return unknown_all(question, k_ended);
    if (errno == EACCES || errno == EPERM)
      return unknown_all(question,
                         "fob-witness may not look at this process: it lacks CAP_SYS_PTRACE for it");
    return unknown_all(question, with_errno("its program cannot be looked at"));
  }
  struct stat facts {};
  if (::fstat(program.get(), &facts) != 0)
    return unknown_all(question, with_errno("its program cannot be looked at"));
  wire::WitnessAnswer answer;
  if (question.exe) answer.exe = path_of(program.get(), facts);
  if (question.exe_sha256) answer.exe_sha256 = content_of(program.get(), facts, hashes);
  // Of a pid that has come to mean another process meanwhile nothing was said.
  return has_ended(pidfd) ? unknown_all(question, k_ended) : answer;
}

}  // namespace fob::witness
