#include "daemon/broker/writer_mark.hpp"

#include <climits>

#include <sys/syscall.h>
#include <unistd.h>

namespace fob::broker {
namespace {

std::uint32_t* word_of(WriterMark::Entry& entry) {
  return reinterpret_cast<std::uint32_t*>(reinterpret_cast<std::byte*>(&entry) + WriterMark::k_distance);
}

}  // namespace

WriterMark::WriterMark() : head_{{&head_.list}, k_distance, nullptr} {
  ::syscall(SYS_set_robust_list, &head_, sizeof head_);
}

WriterMark::~WriterMark() { ::syscall(SYS_set_robust_list, nullptr, sizeof head_); }

// The kernel walks the list from the head, so what it must not miss is complete before it is linked.
void WriterMark::add(Entry& entry) {
  entry.link.next = head_.list.next;
  entry.before = nullptr;
  if (last_ != nullptr) last_->before = &entry;
  last_ = &entry;
  const auto self = static_cast<std::uint32_t>(::syscall(SYS_gettid));
  // As if somebody waited: the kernel wakes only then.
  __atomic_store_n(word_of(entry), self | FUTEX_WAITERS, __ATOMIC_RELEASE);
  __atomic_store_n(&head_.list.next, &entry.link, __ATOMIC_RELEASE);
}

void WriterMark::remove(Entry& entry) {
  robust_list** to_it = entry.before == nullptr ? &head_.list.next : &entry.before->link.next;
  __atomic_store_n(to_it, entry.link.next, __ATOMIC_RELEASE);
  auto* next = entry.link.next == &head_.list ? nullptr : reinterpret_cast<Entry*>(entry.link.next);
  if (next != nullptr) next->before = entry.before;
  if (last_ == &entry) last_ = next;
  __atomic_store_n(word_of(entry), FUTEX_WAITERS | FUTEX_OWNER_DIED, __ATOMIC_RELEASE);
  ::syscall(SYS_futex, word_of(entry), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace fob::broker
