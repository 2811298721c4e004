#include "daemon/config/ca_file.hpp"

#include "ipc/base/file.hpp"

namespace fob::config {
namespace {

// The system's own bundle has 200 KiB.
constexpr std::size_t k_max_ca_file = 1024 * 1024;

}  // namespace

Result<std::string> read_ca_file(const std::filesystem::path& file) {
  return read_trusted_file(file, k_max_ca_file, ErrorCode::config);
}

}  // namespace fob::config
