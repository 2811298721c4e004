#include "ipc/wire/token_page.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace fob::wire {
namespace {

// A write takes a microsecond. Who finds it unfinished this often saw its writer stopped, or dead, in the
// midst of it.
constexpr int k_patience = 10000;

// Every word that two processes share is an atomic. A data word is stored with release and loaded with
// acquire: who sees one of a write that is under way then also sees that the sequence is odd.
template <class Word>
Word load(const Word& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}
template <class Word>
void store(Word& word, Word value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}
static_assert(__atomic_always_lock_free(sizeof(std::uint64_t), nullptr));

constexpr std::size_t words_for(std::size_t bytes) {
  return (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
}

// Each field into its place: an entry that is copied as a whole right after waits for its stores.
void load_entry(const TokenPage& page, PageEntry& entry) {
  entry.published = std::chrono::nanoseconds(load(page.published));
  entry.deadline = std::chrono::nanoseconds(load(page.deadline));
  entry.lifetime = std::chrono::nanoseconds(load(page.lifetime));
  const std::uint64_t fingerprint = load(page.fingerprint);
  std::memcpy(entry.fingerprint.data(), &fingerprint, sizeof fingerprint);
  entry.state = static_cast<PageState>(load(page.state));
  entry.length = std::min<std::size_t>(load(page.length), k_max_token);
}

// Here a reader's nanoseconds go, and nothing copies faster than memcpy(3). The fence keeps the copying
// before the look whether the page is still the same, as in the kernel's own sequence locks
// (Documentation/locking/seqlock.rst). The thread sanitizer does not know fences, so it is shown the same by
// words.
void load_token(const TokenPage& page, std::size_t length, char* into) {
#ifdef FOB_SANITIZED
  for (std::size_t at = 0; at < length; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = load(page.token[at / sizeof word]);
    std::memcpy(into + at, &word, std::min(sizeof word, length - at));
  }
#else
  std::memcpy(into, page.token.data(), length);
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
}

// Whether nothing has been written since it had this sequence.
bool is_still(const TokenPage& page, std::uint64_t sequence) {
  return __atomic_load_n(&page.sequence, __ATOMIC_RELAXED) == sequence;
}

void store_token(TokenPage& page, std::string_view token) {
  const std::size_t before = words_for(page.length), now = words_for(token.size());
  for (std::size_t i = 0; i < std::max(before, now); ++i) {
    std::uint64_t word = 0;
    const std::size_t at = i * sizeof word;
    if (at < token.size()) std::memcpy(&word, token.data() + at, std::min(sizeof word, token.size() - at));
    store(page.token[i], word);
  }
}

}  // namespace

void begin_page(TokenPage& page, std::uint64_t sequence) {
  page.sequence = sequence & ~std::uint64_t{1};
  std::copy(k_page_magic.begin(), k_page_magic.end(), page.magic.begin());
}

void write_page(TokenPage& page, const PageEntry& entry, std::string_view token) {
  token = token.substr(0, k_max_token);
  const std::uint64_t before = page.sequence;
  __atomic_store_n(&page.sequence, before + 1, __ATOMIC_RELAXED);
  store(page.published, std::int64_t{entry.published.count()});
  store(page.deadline, std::int64_t{entry.deadline.count()});
  store(page.lifetime, std::int64_t{entry.lifetime.count()});
  std::uint64_t fingerprint = 0;
  std::memcpy(&fingerprint, entry.fingerprint.data(), sizeof fingerprint);
  store(page.fingerprint, fingerprint);
  store(page.state, static_cast<std::uint32_t>(entry.state));
  store_token(page, token);
  store(page.length, static_cast<std::uint32_t>(token.size()));
  store(page.sequence, before + 2);
  __atomic_fetch_add(&page.changes, 1, __ATOMIC_RELEASE);
}

bool read_entry(const TokenPage& page, PageEntry& entry) {
  for (int i = 0; i < k_patience; ++i) {
    entry.sequence = load(page.sequence);
    if (entry.sequence % 2 != 0) continue;
    load_entry(page, entry);
    if (is_still(page, entry.sequence)) return true;
  }
  return false;
}

bool read_token(const TokenPage& page, const PageEntry& entry, std::span<char> into) {
  load_token(page, entry.length, into.data());
  return is_still(page, entry.sequence);
}

std::uint32_t changes_of(const TokenPage& page) { return load(page.changes); }

bool is_orphaned(const TokenPage& page) { return (load(page.writer) & k_writer_died) != 0; }

}  // namespace fob::wire
