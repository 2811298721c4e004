#include "daemon/store/libsecret.hpp"

#include "daemon/store/keyring.hpp"
#include "ipc/wire/json.hpp"

#include <dlfcn.h>
#include <mutex>

namespace fob::store {
namespace {

// Without a path: the system's, as the loader finds it for a program that is linked with it.
constexpr const char* k_library = "libsecret-1.so.0";
constexpr std::size_t k_max_reason = 200;

// A libsecret may be made with GnuTLS, which is not made ready at the start of every program of ours.
void make_gnutls_ready() {
  using Init = int (*)();
  const auto init = reinterpret_cast<Init>(::dlsym(RTLD_DEFAULT, "gnutls_global_init"));
  if (init != nullptr) init();
}

Result<void> fill() {
  void* const library = ::dlopen(k_library, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return keyring_unusable(std::string("the keyring (secret service) cannot be asked without ") + k_library +
                            ", which cannot be loaded (" + wire::printable(::dlerror(), k_max_reason) +
                            "); install it (on Debian, the package libsecret-1-0)");
  bool complete = true;
  const auto find = [&](const char* name) {
    void* const found = ::dlsym(library, name);
    complete = complete && found != nullptr;
    return found;
  };
#define FOB_FILL(name) name = reinterpret_cast<decltype(name)>(find(#name));
  FOB_OF_LIBSECRET(FOB_FILL)
#undef FOB_FILL
  make_gnutls_ready();
  if (complete) return {};
  return keyring_unusable(std::string("the ") + k_library +
                          " that is installed lacks functions that fob needs; install a newer one");
}

}  // namespace

// It is never unloaded: GLib's threads and types stay for the life of a process.
Result<void> load_libsecret() {
  static std::mutex loading;
  static bool loaded = false;
  const std::scoped_lock lock(loading);
  if (loaded) return {};
  const auto filled = fill();
  loaded = static_cast<bool>(filled);
  return filled;
}

}  // namespace fob::store
