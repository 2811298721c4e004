// An app's link to the token page: the connection to fobd that the page came by, and the page itself, mapped
// to read. It is tended by whoever calls libfob, in short steps that never block: there is no thread of its
// own. All of it that changes lies in memory that the kernel empties in a forked child (MADV_WIPEONFORK,
// madvise(2)), so that a child begins with no link, and with a lock that is open, whatever its parent was
// doing.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/token_page.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fob::client {

class PageLink {
 public:
  /// Fails with ErrorCode::internal where the kernel gives no memory for it. `clock` outlives it.
  static Result<std::unique_ptr<PageLink>> make(std::string socket, std::optional<std::string> profile,
                                                const Clock& clock);
  PageLink(const PageLink&) = delete;
  PageLink& operator=(const PageLink&) = delete;
  /// The last call on it.
  ~PageLink();

  /// Copies what the page says beside the token; false where there is no page, or it is over. No lock and no
  /// system call; any thread. What it says of the time is up to the caller to judge.
  bool read(wire::PageEntry& entry) const;
  /// As wire::read_token().
  bool read_token(const wire::PageEntry& entry, std::span<char> into) const {
    return wire::read_token(*page_, entry, into);
  }
  /// Whether fobd has ended since the page came: its token is as good as ever, but another may have taken its
  /// place.
  bool is_orphaned() const;

  /// Takes the next step towards a link, if there is one to take. Never blocks. Any thread.
  void tend();
  /// Another time than ours counts in the page: no token is read from this one any more.
  void distrust();

  /// See fob.h.
  std::uint64_t change() const;
  /// Blocks until change() may be another than `since`, or `at_most` is over, or something can be tended.
  void await_change(std::uint64_t since, std::chrono::nanoseconds at_most) const;
  int descriptor();
  void acknowledge();

  void note_error(std::string_view text);
  std::string last_error() const;

 private:
  struct State;
  PageLink(std::string socket, std::optional<std::string> profile, const Clock& clock, State* state,
           wire::TokenPage* page);

  void tend_locked();
  bool is_over() const;
  bool is_withdrawn() const;
  void begin();
  void take_answer();
  void take_page(int status, std::optional<std::chrono::nanoseconds> fobds_now);
  bool map(int fd);
  void forget_page();
  void hang_up(std::chrono::nanoseconds pause);
  void tell();
  bool hears_fobd() const;
  void await_page(std::uint32_t changes, std::chrono::nanoseconds at_most) const;
  void watch(int fd);
  void arm_timer();
  std::chrono::nanoseconds now() const { return clock_.boot_now().time_since_epoch(); }

  const std::string socket_;
  const std::string request_;
  const Clock& clock_;
  State* const state_;
  wire::TokenPage* const
      page_;  ///< the same address for life: a new page is mapped in the place of the old one
};

}  // namespace fob::client
