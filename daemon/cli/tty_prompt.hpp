// Asking a person at the terminal, through /dev/tty so that redirections do not matter. A secret is typed
// without echo; the terminal is as it was afterwards, also where a signal ends the question.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"
#include "ipc/base/unique_fd.hpp"

#include <string_view>

namespace fob::cli {

enum class Echo { on, off };

class TtyPrompt {
 public:
  /// Fails with ErrorCode::usage where there is no terminal.
  static Result<TtyPrompt> open();

  /// One line, without its end. A signal that ends programs ends this one, once the terminal is restored.
  /// Fails with ErrorCode::usage where the input ends or the line is too long for a credential.
  Result<SecretBytes> ask(std::string_view question, Echo echo);

 private:
  explicit TtyPrompt(UniqueFd tty) : tty_(std::move(tty)) {}
  UniqueFd tty_;
};

}  // namespace fob::cli
