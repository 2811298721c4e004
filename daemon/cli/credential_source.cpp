#include "daemon/cli/credential_source.hpp"

#include "daemon/cli/shred.hpp"
#include "daemon/cli/tty_prompt.hpp"
#include "daemon/store/credential_form.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace fob::cli {
namespace {

// Straight into locked memory; one byte more than allowed, so that the parser sees what is too much.
Result<store::Credential> read_credential(int fd, const std::string& name) {
  SecretBytes content(store::k_max_credential_form + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t n = ::read(fd, content.bytes().data() + size, content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::usage, with_errno("cannot read " + name));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  auto credential = store::parse_credential(content.reveal().substr(0, size));
  if (!credential) return fail(credential.error().code, name + ": " + credential.error().detail);
  return credential;
}

Result<store::Credential> ask_for_credential(const std::string& profile) {
  auto prompt = TtyPrompt::open();
  if (!prompt) return prompt.error();
  const auto id = prompt->ask("Client id for " + profile + ": ", Echo::on);
  if (!id) return id.error();
  const auto secret = prompt->ask("Client secret (will not be shown): ", Echo::off);
  if (!secret) return secret.error();
  return store::make_credential(id->reveal(), secret->reveal());
}

}  // namespace

Result<store::Credential> obtain_credential(const std::optional<std::string>& file,
                                            const std::string& profile,
                                            const std::function<void(const std::string&)>& say) {
  if (!file || *file == "-")
    return ::isatty(STDIN_FILENO) == 1 ? ask_for_credential(profile) : read_credential(STDIN_FILENO, "stdin");

  const UniqueFd fd(::open(file->c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return fail(ErrorCode::usage, with_errno("cannot read " + *file));
  if (others_can_read(fd.get()))
    say("warning: others on this device can read " + *file + "; once this is done, run: shred -u " + *file);
  return read_credential(fd.get(), *file);
}

}  // namespace fob::cli
