#include "ipc/wire/token_page.hpp"

#include <algorithm>
#include <cstring>

namespace fob::wire {
namespace {

// A write takes a microsecond. Who finds it unfinished this often saw its writer stopped, or dead, in the
// midst of it.
constexpr int k_patience = 10000;

// Every word that two processes share is an atomic. A data word is stored with release and loaded with
// acquire: who sees one of a write that is under way then also sees that the sequence is odd. No fences,
// which the thread sanitizer does not know.
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

// This is where a reader's nanoseconds go: by eight words, and each straight from one place to the other.
void load_token(const TokenPage& page, std::size_t length, char* into) {
  constexpr std::size_t k_word = sizeof(std::uint64_t);
  const auto copy = [](const std::uint64_t& from, char* to) {
    const std::uint64_t word = load(from);
    std::memcpy(to, &word, k_word);
  };
  const std::uint64_t* from = page.token.data();
  std::size_t words = length / k_word;
  for (; words >= 8; words -= 8, from += 8, into += 8 * k_word) {
    copy(from[0], into);
    copy(from[1], into + 1 * k_word);
    copy(from[2], into + 2 * k_word);
    copy(from[3], into + 3 * k_word);
    copy(from[4], into + 4 * k_word);
    copy(from[5], into + 5 * k_word);
    copy(from[6], into + 6 * k_word);
    copy(from[7], into + 7 * k_word);
  }
  for (; words > 0; --words, ++from, into += k_word) copy(*from, into);
  if (length % k_word == 0) return;
  const std::uint64_t last = load(*from);
  std::memcpy(into, &last, length % k_word);
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

PageRead read_page(const TokenPage& page, PageEntry& entry, std::span<char> token) {
  for (int i = 0; i < k_patience; ++i) {
    const std::uint64_t before = load(page.sequence);
    if (before % 2 != 0) continue;
    load_entry(page, entry);
    const bool fits = entry.length <= token.size();
    if (fits && entry.state == PageState::valid) load_token(page, entry.length, token.data());
    if (__atomic_load_n(&page.sequence, __ATOMIC_RELAXED) == before)
      return fits ? PageRead::whole : PageRead::too_small;
  }
  return PageRead::unsettled;
}

std::uint32_t changes_of(const TokenPage& page) { return load(page.changes); }

bool is_orphaned(const TokenPage& page) { return (load(page.writer) & k_writer_died) != 0; }

}  // namespace fob::wire
