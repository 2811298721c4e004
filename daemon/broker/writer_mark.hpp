// Has the kernel mark what this process writes for others once it has ended, whatever it died of, so that
// they need not ask anybody whether it still lives: its list of robust futexes (set_robust_list(2), and the
// kernel's Documentation/locking/robust-futex-ABI.rst). glibc keeps such a list for its robust mutexes, of
// which fobd has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <linux/futex.h>

namespace fob::broker {

/// Registered for the thread that makes it, which must be the only one to write. One in a thread.
class WriterMark {
 public:
  /// What stands before each marked word, at k_distance from it, in memory that nobody else sees.
  struct Entry {
    robust_list link;
    Entry* before;
  };
  /// From an entry to its word. Two pages of the largest kind are kept apart by it.
  static constexpr std::ptrdiff_t k_distance = 64 * 1024 + 8;

  WriterMark();
  WriterMark(const WriterMark&) = delete;
  WriterMark& operator=(const WriterMark&) = delete;
  ~WriterMark();

  /// Writes this thread's id into the word that belongs to `entry`.
  void add(Entry& entry);
  /// Marks the word now, as the kernel would, and forgets it.
  void remove(Entry& entry);

 private:
  robust_list_head head_;
  Entry* last_ = nullptr;
};

}  // namespace fob::broker
