// What is left lying about: a downloaded credential that others on the device can read. Once it is enrolled
// nobody needs the file any more.
#pragma once

#include "ipc/base/result.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace fob::cli {

/// Whether anyone but its owner may read the regular file `fd`.
bool others_can_read(int fd);

/// Asks at the terminal whether to shred `file`, where others can read it, and does so; `say` tells how it
/// went. Without a terminal on stdin nobody is asked and nothing is done.
void offer_to_shred(const std::filesystem::path& file, const std::function<void(const std::string&)>& say);

/// Overwrites `file` and deletes it. A journal, a snapshot or the spare blocks of flash memory may still hold
/// what was in it. Symbolic links are not followed. Fails with internal.
Result<void> shred(const std::filesystem::path& file);

}  // namespace fob::cli
