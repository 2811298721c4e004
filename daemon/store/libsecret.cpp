#include "daemon/store/libsecret.hpp"

#include "daemon/store/keyring.hpp"

#include <dlfcn.h>
#include <mutex>

namespace fob::store {
namespace {

// Without a path: the system's, as the loader finds it for a program that is linked with it.
constexpr const char* k_library = "libsecret-1.so.0";

Result<void> fill() {
  void* const library = ::dlopen(k_library, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return keyring_unusable(std::string("the keyring (secret service) cannot be asked without ") + k_library +
                            ", which is not installed (on Debian, the package libsecret-1-0); install it");
  bool complete = true;
  const auto find = [&](const char* name) {
    void* const found = ::dlsym(library, name);
    complete = complete && found != nullptr;
    return found;
  };
#define FOB_FILL(name) name = reinterpret_cast<decltype(name)>(find(#name));
  FOB_OF_LIBSECRET(FOB_FILL)
#undef FOB_FILL
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
