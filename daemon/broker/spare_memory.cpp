#include "daemon/broker/spare_memory.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fob::broker {
namespace {

constexpr std::chrono::seconds k_moment{1};

// A segment that was never writable is as in its file, page by page: nothing is lost with it (madvise(2),
// MADV_DONTNEED). Pages at its ends may be shared with nothing else: the loader maps segments page by page.
int let_go(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto* segment = object->dlpi_phdr; segment != object->dlpi_phdr + object->dlpi_phnum;
       ++segment) {
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
    const std::uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    // It is an economy: where the kernel will not, all stays as it is.
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin,
                    MADV_DONTNEED);  // NOLINT(performance-no-int-to-ptr)
  }
  return 0;
}

}  // namespace

void give_back_memory() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(&let_go, nullptr);
}

void SpareMemory::give_back_soon() {
  timer_.expires_after(k_moment);
  timer_.async_wait([](const boost::system::error_code& error) {
    if (!error) give_back_memory();
  });
}

}  // namespace fob::broker
