// Opening what nobody else may have a hand in. A vault or a key that another user owns, may write or may read
// is refused rather than used, and the refusal says which command mends it. Everything is judged on the open
// descriptor, so that nothing can be swapped between the look and the use.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace fob::store {

enum class Sharing : std::uint8_t {
  none,    ///< 0600 at most
  systemd  ///< the group may read: where systemd grants a credential by ACL, its mask shows as group bits
};

/// Opens `path`, which must be a directory of root or of this user with no rights for others. An empty
/// descriptor: there is nothing at `path`. Fails with store_locked.
Result<UniqueFd> open_private_directory(const std::filesystem::path& path);

/// The same for a regular file, open for reading.
Result<UniqueFd> open_private_file(const std::filesystem::path& path, Sharing sharing);

/// All that can be read from `fd`, at most `limit` bytes, never outside locked memory. `path` is what to call
/// it in an error. Fails with store_locked.
Result<SecretBytes> read_secret(int fd, std::size_t limit, const std::filesystem::path& path);

/// The profiles that have a file called PROFILE`suffix` in `directory`, sorted; none where that is not there.
/// Fails with store_locked.
Result<std::vector<std::string>> files_of_profiles(const std::filesystem::path& directory,
                                                   std::string_view suffix);

/// Deletes what replace_file() leaves in `directory` when it is killed before it renames: files called
/// …ENDING.tmpDIGITS. For whoever holds the writers' lock.
void remove_leftovers(const std::filesystem::path& directory, std::string_view ending);

}  // namespace fob::store
