// systemd's journal, written to with fields (the Journal Native Protocol,
// https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): for what operators look for by more than words. A datagram of
// a few lines, so it is done by hand, as what systemd hands over is.
#pragma once

#include "ipc/base/stderr_line.hpp"
#include "ipc/base/unique_fd.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fob {

class Journal {
 public:
  /// Names and values. No value may hold a line break.
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// Where stderr goes to the journal, as `stream` says, the variable JOURNAL_STREAM (systemd.exec(5)): that;
  /// else none. `program` is what messages are from.
  static Journal of(const std::optional<std::string>& stream, std::string program,
                    const std::string& socket = "/run/systemd/journal/socket");
  Journal() = default;

  bool present() const { return static_cast<bool>(socket_); }
  /// Does not block. False where the journal did not take it. The message may not hold a line break either.
  bool send(Priority priority, const std::string& message, const Fields& fields) const;
  /// Sends it, or writes a line without the fields to stderr where there is no journal, or it took nothing.
  void write(Priority priority, const std::string& message, const Fields& fields) const;

 private:
  UniqueFd socket_;
  std::string program_;
};

}  // namespace fob
