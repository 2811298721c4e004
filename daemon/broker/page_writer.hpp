// One token page as its writer has it: memory that this process alone can write, and that others may only map
// to read (memfd_create(2), fcntl(2) F_SEAL_FUTURE_WRITE). How it is laid out stands in
// ipc/wire/token_page.hpp.
#pragma once

#include "daemon/broker/writer_mark.hpp"
#include "daemon/core/token.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/token_page.hpp"

#include <memory>

namespace fob::broker {

/// One thread, that of `mark`. `clock` outlives it.
class PageWriter {
 public:
  /// An empty page. Fails with ErrorCode::internal.
  static Result<std::unique_ptr<PageWriter>> make(std::shared_ptr<WriterMark> mark, const Clock& clock);
  PageWriter(const PageWriter&) = delete;
  PageWriter& operator=(const PageWriter&) = delete;
  /// What stands there stays there, for as long as the token lives; readers see that it is nobody's any more.
  ~PageWriter();

  /// To be passed to readers: open for reading alone.
  int descriptor() const { return for_readers_.get(); }

  void show(const core::Token& token);
  void show_none();
  /// Wiped for good: readers must ask anew.
  void withdraw();
  bool is_withdrawn() const { return withdrawn_; }

 private:
  PageWriter(std::shared_ptr<WriterMark> mark, const Clock& clock, UniqueFd for_readers, void* memory);

  void write(wire::PageEntry entry, std::string_view token);

  std::shared_ptr<WriterMark> mark_;
  const Clock& clock_;
  UniqueFd for_readers_;
  WriterMark::Entry* entry_;  ///< at the start of memory of this process's own, with the page right behind it
  wire::TokenPage* page_;
  bool withdrawn_ = false;
};

}  // namespace fob::broker
