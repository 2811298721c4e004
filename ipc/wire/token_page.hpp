// The token page (PROTOCOL.md): where the current token of a profile lies in memory that fobd writes and apps
// only read. A sequence lock keeps reader and writer apart without either waiting for the other: Boehm, "Can
// Seqlocks Get Along With Programming Language Memory Models?" (MSPC 2012). Pure memory: who maps it is
// elsewhere. A reader trusts its writer, which is fobd, but never for more bytes than a page has.
#pragma once

#include "ipc/wire/limits.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace fob::wire {

enum class PageState : std::uint32_t {
  empty = 0,      ///< no token now; there may be one again
  valid = 1,      ///< the token lives until its deadline
  withdrawn = 2,  ///< this page is over: the grant or the profile is gone, or fobd has ended
};

/// The layout, version 1, in this machine's byte order. Offsets are part of the interface.
struct TokenPage {
  std::array<char, 8> magic;  ///< "fobpage1"
  /// A futex (set_robust_list(2)): the writer's thread id. The kernel sets bit 30 (FUTEX_OWNER_DIED) when the
  /// writer has ended, whatever it died of.
  std::uint32_t writer;
  std::uint32_t changes;      ///< a futex: counts up with each change
  std::uint64_t sequence;     ///< odd while the rest is being written; starts anywhere
  std::int64_t published;     ///< CLOCK_BOOTTIME of the writing, in ns
  std::int64_t deadline;      ///< CLOCK_BOOTTIME at which the token is dead, in ns
  std::int64_t lifetime;      ///< from the token's start to its deadline, in ns
  std::uint64_t fingerprint;  ///< eight characters
  std::uint32_t state;        ///< a PageState
  std::uint32_t length;       ///< of the token, in bytes
  std::array<std::uint64_t, k_max_token / sizeof(std::uint64_t)> token;
};
static_assert(offsetof(TokenPage, writer) == 8 && offsetof(TokenPage, changes) == 12 &&
              offsetof(TokenPage, sequence) == 16 && offsetof(TokenPage, published) == 24 &&
              offsetof(TokenPage, deadline) == 32 && offsetof(TokenPage, lifetime) == 40 &&
              offsetof(TokenPage, fingerprint) == 48 && offsetof(TokenPage, state) == 56 &&
              offsetof(TokenPage, length) == 60 && offsetof(TokenPage, token) == 64);

inline constexpr std::string_view k_page_magic = "fobpage1";
/// As the header `Upgrade` names it (RFC 9110 §7.8).
inline constexpr std::string_view k_page_protocol = "fob-page/1";
/// In fobd's answer: its CLOCK_BOOTTIME in ns, for the reader to see that it lives in the same time.
inline constexpr const char* k_boottime_header = "Fob-Boottime";
inline constexpr std::uint32_t k_writer_died = 0x40000000;

/// What stands in a page beside the token.
struct PageEntry {
  PageState state = PageState::empty;
  std::chrono::nanoseconds published{};  ///< these three as in TokenPage
  std::chrono::nanoseconds deadline{};
  std::chrono::nanoseconds lifetime{};
  std::array<char, 8> fingerprint{};
  std::size_t length = 0;      ///< of the token
  std::uint64_t sequence = 0;  ///< that of the page when it said so; for read_token()
};

/// Makes the page one that says `empty`. `sequence` is even and drawn at random, so that whoever looks at two
/// pages one after the other does not take them for one. To be called once, before anyone reads.
void begin_page(TokenPage& page, std::uint64_t sequence);

/// Puts the entry and the token (at most k_max_token bytes) in the place of what was there, which is wiped.
/// One writer at a time. Whoever waits for `changes` is woken by the caller (futex(2)).
void write_page(TokenPage& page, const PageEntry& entry, std::string_view token);

/// Copies the entry as it was at one instant. False where the writer is in the midst of it, and has been for
/// long: it has died there. Any thread; no system call.
bool read_entry(const TokenPage& page, PageEntry& entry);
/// Copies the token of that entry to the beginning of `into`, which has room for it. False where the page is
/// another by now: what was copied is worth nothing then, and the entry is to be read anew. Any thread; no
/// system call.
bool read_token(const TokenPage& page, const PageEntry& entry, std::span<char> into);

/// How often it changed so far: what to wait on.
std::uint32_t changes_of(const TokenPage& page);
/// Whether its writer has ended, so that it will never change again.
bool is_orphaned(const TokenPage& page);

}  // namespace fob::wire
