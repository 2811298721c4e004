#include "daemon/broker/page_writer.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/sealed_file.hpp"

#include <climits>
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <fcntl.h>
#include <new>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace fob::broker {
namespace {

using std::chrono::nanoseconds;

// The kernel's pages have at most this many bytes, so that what is private and what is shared never meet in
// one.
constexpr std::size_t k_block = 64 * 1024;
constexpr std::size_t k_page_bytes = (sizeof(wire::TokenPage) + k_block - 1) / k_block * k_block;
static_assert(k_block + offsetof(wire::TokenPage, writer) == WriterMark::k_distance);

constexpr int k_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

// Private memory with the shared right behind it; nullptr where that cannot be.
void* map_behind_private(int file) {
  void* memory =
      ::mmap(nullptr, k_block + k_page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  void* shared = static_cast<std::byte*>(memory) + k_block;
  if (::mmap(shared, k_page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED)
    return memory;
  ::munmap(memory, k_block + k_page_bytes);
  return nullptr;
}

std::uint64_t random_word() {
  std::uint64_t word = 0;
  randombytes_buf(&word, sizeof word);
  return word;
}

}  // namespace

Result<std::unique_ptr<PageWriter>> PageWriter::make(std::shared_ptr<WriterMark> mark, const Clock& clock) {
  const auto failed = [] { return fail(ErrorCode::internal, with_errno("a token page")); };
  const UniqueFd file = make_memory_file("fob-page");
  if (!file || ::ftruncate(file.get(), k_page_bytes) != 0) return failed();
  void* memory = map_behind_private(file.get());
  if (memory == nullptr) return failed();
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  UniqueFd for_readers(::open(self.c_str(), O_RDONLY | O_CLOEXEC));
  if (!for_readers || ::fcntl(file.get(), F_ADD_SEALS, k_seals) != 0) {
    const Error error = failed();
    ::munmap(memory, k_block + k_page_bytes);
    return error;
  }
  return std::unique_ptr<PageWriter>(new PageWriter(std::move(mark), clock, std::move(for_readers), memory));
}

PageWriter::PageWriter(std::shared_ptr<WriterMark> mark, const Clock& clock, UniqueFd for_readers,
                       void* memory)
    : mark_(std::move(mark)),
      clock_(clock),
      for_readers_(std::move(for_readers)),
      entry_(new (memory) WriterMark::Entry{}),
      page_(reinterpret_cast<wire::TokenPage*>(static_cast<std::byte*>(memory) + k_block)) {
  wire::begin_page(*page_, random_word());
  mark_->add(*entry_);
}

PageWriter::~PageWriter() {
  mark_->remove(*entry_);
  ::munmap(entry_, k_block + k_page_bytes);
}

void PageWriter::show(const core::Token& token) {
  wire::PageEntry entry;
  entry.state = wire::PageState::valid;
  entry.deadline = token.deadline.time_since_epoch();
  entry.lifetime = token.lifetime();
  std::copy_n(token.fingerprint.begin(), std::min(token.fingerprint.size(), entry.fingerprint.size()),
              entry.fingerprint.begin());
  write(entry, token.access_token);
}

void PageWriter::show_none() { write({}, ""); }

void PageWriter::withdraw() {
  wire::PageEntry entry;
  entry.state = wire::PageState::withdrawn;
  write(entry, "");
  withdrawn_ = true;
}

void PageWriter::write(wire::PageEntry entry, std::string_view token) {
  if (withdrawn_) return;
  entry.published = clock_.boot_now().time_since_epoch();
  wire::write_page(*page_, entry, token);
  ::syscall(SYS_futex, &page_->changes, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace fob::broker
