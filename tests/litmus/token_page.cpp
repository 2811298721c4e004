// The litmus test of the token page's sequence lock: one thread writes without a pause worth the name, others
// read so and so often, and no read may mix two writes. Usage: litmus_token_page [READS]
#include "ipc/wire/token_page.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace fob::wire;

constexpr std::uint64_t k_reads = 10'000'000;
// Seven words and a part of one.
using Text = std::array<std::uint64_t, 8>;
constexpr std::size_t k_length = 59;
constexpr unsigned k_readers = 1;
// So that a reader has a chance between two writes; and often has not.
constexpr int k_breath = 1000;

constexpr std::uint64_t k_enough_changes = 100;

// Everything in a write follows from its number, so that any mixture shows.
Text text_of(std::uint64_t number) {
  Text text{};
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = number + i;
  return text;
}

void write(TokenPage& page, std::uint64_t number) {
  PageEntry entry;
  entry.state = PageState::valid;
  entry.published = entry.deadline = entry.lifetime = std::chrono::nanoseconds(number);
  std::memcpy(entry.fingerprint.data(), &number, sizeof number);
  const Text text = text_of(number);
  write_page(page, entry, {reinterpret_cast<const char*>(text.data()), k_length});
}

bool is_whole(const PageEntry& entry, const Text& text) {
  std::uint64_t number = 0;
  std::memcpy(&number, entry.fingerprint.data(), sizeof number);
  const auto counted = std::chrono::nanoseconds(number);
  const bool of_one = entry.published == counted && entry.deadline == counted && entry.lifetime == counted &&
                      entry.state == PageState::valid && entry.length == k_length;
  const Text wanted = text_of(number);
  return of_one && std::memcmp(text.data(), wanted.data(), k_length) == 0;
}

struct Counts {
  std::uint64_t whole = 0, torn = 0, unsettled = 0, seen_anew = 0;
};

// As libfob does. False where the writer was interrupted in the midst of it, for longer than a reader is
// patient.
bool read_whole(const TokenPage& page, PageEntry& entry, std::span<char> token) {
  while (read_entry(page, entry))
    if (read_token(page, entry, token)) return true;
  return false;
}

Counts read(const TokenPage& page, std::uint64_t reads) {
  Counts counts;
  PageEntry entry;
  Text text{};
  const std::span<char> token(reinterpret_cast<char*>(text.data()), k_length);
  std::chrono::nanoseconds last{};
  for (std::uint64_t i = 0; i < reads; ++i) {
    if (!read_whole(page, entry, token)) {
      ++counts.unsettled;
    } else if (is_whole(entry, text)) {
      ++counts.whole;
      if (std::exchange(last, entry.published) != entry.published) ++counts.seen_anew;
    } else {
      ++counts.torn;
    }
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t reads = k_reads;
  if (argc > 1) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), reads);
  const auto page = std::make_unique<TokenPage>();
  begin_page(*page, 0);
  write(*page, 0);
  std::atomic<bool> over = false;
  std::uint64_t writes = 0;
  std::thread writer([&] {
    while (!over.load(std::memory_order_relaxed)) {
      write(*page, ++writes);
      for (int i = 0; i < k_breath; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  });
  std::vector<Counts> counts(k_readers);
  std::vector<std::thread> readers;
  for (auto& count : counts) readers.emplace_back([&] { count = read(*page, reads / k_readers); });
  for (auto& reader : readers) reader.join();
  over = true;
  writer.join();
  Counts all;
  for (const auto& count : counts) {
    all.whole += count.whole;
    all.torn += count.torn;
    all.unsettled += count.unsettled;
    all.seen_anew += count.seen_anew;
  }
  std::printf("%llu whole reads of %llu writes (%llu unlike the one before), %llu torn, %llu unsettled\n",
              static_cast<unsigned long long>(all.whole), static_cast<unsigned long long>(writes),
              static_cast<unsigned long long>(all.seen_anew), static_cast<unsigned long long>(all.torn),
              static_cast<unsigned long long>(all.unsettled));
  // Without many changes seen, nothing was tested. How many there are is up to the machine: on one core
  // alone, few.
  return all.torn == 0 && all.seen_anew > std::min<std::uint64_t>(reads / 10000, k_enough_changes) ? 0 : 1;
}
