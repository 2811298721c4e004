#include "ipc/base/spare_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fob {
namespace {

// Code that the loader wrote to, since it depends on where it lies.
bool has_text_relocations(const dl_phdr_info& object) {
  for (const auto* segment = object.dlpi_phdr; segment != object.dlpi_phdr + object.dlpi_phnum; ++segment) {
    if (segment->p_type != PT_DYNAMIC) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as dl_iterate_phdr(3) tells addresses
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + segment->p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry)
      if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0))
        return true;
  }
  return false;
}

// A segment that was never written to is as in its file, page by page: nothing is lost with it (madvise(2),
// MADV_DONTNEED). The kernel's own object has no file.
int let_go(dl_phdr_info* object, std::size_t, void*) {
  if (object->dlpi_addr == ::getauxval(AT_SYSINFO_EHDR) || has_text_relocations(*object)) return 0;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto* segment = object->dlpi_phdr; segment != object->dlpi_phdr + object->dlpi_phnum;
       ++segment) {
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
    const std::uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    auto* const first = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr): as above
    // It is an economy: where the kernel will not, all stays as it is.
    (void)::madvise(first, end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void give_back_memory() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(&let_go, nullptr);
}

}  // namespace fob
