// libsecret and the GLib it brings, loaded when a keyring is first asked: most devices have none, and a
// program that is linked with them spends half of its start on them.
//
// Each function that is used has here a pointer of its own name, which hides it in this namespace: what is
// written is GLib as its manual has it. One that is missing here is an undefined reference when the program
// is linked. For the keyring's own files; nothing here is to reach the rest of the house.
#pragma once

#include "ipc/base/result.hpp"

// For libsecret's encode and decode functions, which say so but have been the same since 2012.
#define SECRET_API_SUBJECT_TO_CHANGE 1
// A checked cast is a call, and tells only programmers something.
#define G_DISABLE_CAST_CHECKS 1

#include <libsecret/secret.h>
#include <memory>

namespace fob::store {

// NOLINTBEGIN(cppcoreguidelines-macro-usage): the names once, for the pointers and for what fills them.
#define FOB_OF_LIBSECRET(EACH)                \
  EACH(g_cancellable_cancel)                  \
  EACH(g_cancellable_new)                     \
  EACH(g_dbus_address_escape_value)           \
  EACH(g_dbus_address_get_stream_sync)        \
  EACH(g_dbus_connection_call_sync)           \
  EACH(g_dbus_connection_new_sync)            \
  EACH(g_dbus_error_get_remote_error)         \
  EACH(g_dbus_error_strip_remote_error)       \
  EACH(g_error_copy)                          \
  EACH(g_error_free)                          \
  EACH(g_error_matches)                       \
  EACH(g_free)                                \
  EACH(g_initable_new)                        \
  EACH(g_io_error_quark)                      \
  EACH(g_main_context_iteration)              \
  EACH(g_main_context_new)                    \
  EACH(g_main_context_pop_thread_default)     \
  EACH(g_main_context_push_thread_default)    \
  EACH(g_main_context_unref)                  \
  EACH(g_object_set)                          \
  EACH(g_object_unref)                        \
  EACH(g_socket_connection_get_socket)        \
  EACH(g_socket_get_fd)                       \
  EACH(g_type_class_peek)                     \
  EACH(g_type_register_static_simple)         \
  EACH(g_uri_escape_string)                   \
  EACH(g_variant_builder_add)                 \
  EACH(g_variant_builder_end)                 \
  EACH(g_variant_builder_init)                \
  EACH(g_variant_get)                         \
  EACH(g_variant_get_boolean)                 \
  EACH(g_variant_get_child_value)             \
  EACH(g_variant_get_string)                  \
  EACH(g_variant_get_uint64)                  \
  EACH(g_variant_is_of_type)                  \
  EACH(g_variant_lookup)                      \
  EACH(g_variant_n_children)                  \
  EACH(g_variant_new)                         \
  EACH(g_variant_new_string)                  \
  EACH(g_variant_type_checked_)               \
  EACH(g_variant_unref)                       \
  EACH(secret_service_decode_dbus_secret)     \
  EACH(secret_service_encode_dbus_secret)     \
  EACH(secret_service_get_session_algorithms) \
  EACH(secret_service_get_session_dbus_path)  \
  EACH(secret_service_get_type)               \
  EACH(secret_value_get)                      \
  EACH(secret_value_new)                      \
  EACH(secret_value_unref)

#define FOB_POINTER(name) inline decltype(&::name) name = nullptr;
FOB_OF_LIBSECRET(FOB_POINTER)
#undef FOB_POINTER
// NOLINTEND(cppcoreguidelines-macro-usage)

/// Before any of the above is called; again it does nothing. Any thread. Fails with store_locked where the
/// library is not installed; the detail says so, and what to do.
Result<void> load_libsecret();

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
