// Owners for what GLib and libsecret hand out: the only way into libsecret's header. For the keyring's own
// files; nothing here is to reach the rest of the house.
#pragma once

// For libsecret's encode and decode functions, which say so but have been the same since 2012.
#define SECRET_API_SUBJECT_TO_CHANGE 1

#include <libsecret/secret.h>
#include <memory>

namespace fob::store {

struct Release {
  void operator()(GError* error) const { g_error_free(error); }
  void operator()(GVariant* value) const { g_variant_unref(value); }
  void operator()(SecretValue* value) const { secret_value_unref(value); }
  void operator()(char* text) const { g_free(text); }
  template <class T>
  void operator()(T* object) const {
    g_object_unref(object);
  }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;
using Variant = Owned<GVariant>;

}  // namespace fob::store
