// Speaks GDBus synchronously, on a connection, in a context and within a time of its own, so that nothing is
// left of a call when it is over, and nothing that hangs outlives its time.
#include "daemon/store/keyring.hpp"

#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/json.hpp"

#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>

namespace fob::store {
namespace {

constexpr const char* k_name = "org.freedesktop.secrets";
// A foreign message in one of ours: a line of a terminal, not a page.
constexpr std::size_t k_max_foreign = 200;
const std::string k_or_file =
    ", or do without it: set store = \"file\" in [daemon], then fob credential remove PROFILE and add it "
    "again";

std::string in_brackets(const GError& error) {
  return " (" + wire::printable(error.message, k_max_foreign) + ")";
}

std::string in_words(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s"
                                  : std::to_string(time.count()) + " ms";
}

// The time one call of the store may take. When it is up, a watchdog cancels whatever GLib waits for and
// shuts the socket down, for there are waits that no cancellable reaches (GDBusConnection's Hello).
class Limit {
 public:
  explicit Limit(std::chrono::milliseconds time)
      : time_(time),
        cancellable_(g_cancellable_new()),
        watchdog_([this](const std::stop_token& stop) { watch(stop); }) {}

  GCancellable* cancellable() const { return cancellable_.get(); }
  /// Also to be shut down in time. A descriptor of our own: GLib's may be closed and given out again.
  void covers(int socket) {
    const std::scoped_lock lock(mutex_);
    socket_ = UniqueFd(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (expired_) ::shutdown(socket_.get(), SHUT_RDWR);
  }
  bool expired() const {
    const std::scoped_lock lock(mutex_);
    return expired_;
  }
  std::string in_words() const { return store::in_words(time_); }

 private:
  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    alarm_.wait_for(lock, stop, time_, [] { return false; });
    if (stop.stop_requested()) return;
    expired_ = true;
    if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
    lock.unlock();
    g_cancellable_cancel(cancellable_.get());
  }

  std::chrono::milliseconds time_;
  Owned<GCancellable> cancellable_;
  mutable std::mutex mutex_;
  std::condition_variable_any alarm_;
  bool expired_ = false;
  UniqueFd socket_;
  std::jthread watchdog_;
};

// GLib queues in the thread's context what is to be done later: to tell that the bus went away, to free what
// a proxy held. No loop ever runs the usual one; this one is emptied when the call is over.
class OwnContext {
 public:
  OwnContext() : context_(g_main_context_new()) { g_main_context_push_thread_default(context_); }
  OwnContext(const OwnContext&) = delete;
  OwnContext& operator=(const OwnContext&) = delete;
  ~OwnContext() {
    while (g_main_context_iteration(context_, FALSE)) {
    }
    g_main_context_pop_thread_default(context_);
    g_main_context_unref(context_);
  }

 private:
  GMainContext* context_;
};

// Where the session bus is. Only Unix sockets: "autolaunch:" would start a bus, and a bus elsewhere is not
// this user's session.
Result<std::string> bus_address(const config::Environment& environment) {
  if (auto address = environment("DBUS_SESSION_BUS_ADDRESS")) {
    for (std::size_t at = 0; at != std::string::npos; at = address->find(';', at + 1))
      if (!std::string_view(*address).substr(at == 0 ? 0 : at + 1).starts_with("unix:"))
        return keyring_unusable("the session bus is not on a Unix socket (DBUS_SESSION_BUS_ADDRESS is " +
                                wire::printable(*address, k_max_foreign) + "); log in to a desktop");
    return *address;
  }
  const auto runtime = environment("XDG_RUNTIME_DIR");
  std::error_code ignored;
  if (runtime && std::filesystem::is_socket(*runtime + "/bus", ignored))
    return "unix:path=" +
           std::string(Owned<char>(g_dbus_address_escape_value((*runtime + "/bus").c_str())).get());
  return keyring_unusable(
      "there is no session bus (neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR/bus), so no keyring "
      "(secret service) can be reached; log in to a desktop");
}

// libsecret's constructor insists on the connection that GLib shares in the process, which nothing can
// replace, close or cancel. A subclass has the last word. GLib frees no types, so there is one.
GObject* construct(GType type, guint count, GObjectConstructParam* parameters) {
  constexpr auto k_bare = static_cast<GDBusProxyFlags>(G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES |
                                                       G_DBUS_PROXY_FLAGS_DO_NOT_CONNECT_SIGNALS);
  auto* const parent = static_cast<GObjectClass*>(g_type_class_peek(SECRET_TYPE_SERVICE));
  GObject* const object = parent->constructor(type, count, parameters);
  g_object_set(object, "g-bus-type", G_BUS_TYPE_NONE, "g-flags", k_bare, nullptr);
  return object;
}
GType service_on_own_bus() {
  static const GType type = g_type_register_static_simple(
      SECRET_TYPE_SERVICE, "FobSecretService", sizeof(SecretServiceClass),
      [](gpointer own_class, gpointer) { static_cast<GObjectClass*>(own_class)->constructor = &construct; },
      sizeof(SecretService), nullptr, G_TYPE_FLAG_NONE);
  return type;
}

}  // namespace

Error keyring_unusable(const std::string& detail) {
  return fail(ErrorCode::store_locked, detail + k_or_file);
}
Error keyring_locked(const std::string& collection) {
  const auto name = wire::printable(collection.substr(collection.rfind('/') + 1), k_max_foreign);
  return keyring_unusable("the keyring (secret service) is locked" +
                          (name.empty() ? std::string() : " (its collection " + name + ")") +
                          "; unlock it, for example by logging in to the desktop, and try again");
}
Error keyring_asks() {
  return keyring_unusable(
      "the keyring (secret service) wants to ask the user first, which fob never lets it do; allow it in the "
      "keyring's own program");
}
Error keyring_answers_oddly() {
  return keyring_unusable("the keyring (secret service) gave an answer that makes no sense; restart it");
}
Error keyring_lost(const std::string& what) {
  return fail(ErrorCode::store_locked, what + " vanished while it was read; try again");
}

struct Keyring::Connection {
  explicit Connection(std::chrono::milliseconds time) : limit(time) {}

  // In this order: what the others leave behind is in the context when that is emptied, last of all.
  OwnContext context;
  Limit limit;
  Owned<GDBusConnection> bus;
  Owned<SecretService> session;
};

Keyring::Keyring(std::chrono::milliseconds limit) : limit_(limit) {}
Keyring::~Keyring() = default;

Result<void> Keyring::open(const config::Environment& environment) {
  if (const auto loaded = load_libsecret(); !loaded) return loaded.error();
  const auto address = bus_address(environment);
  if (!address) return address.error();
  connection_ = std::make_unique<Connection>(limit_);
  GError* error = nullptr;
  const Owned<GIOStream> stream(
      g_dbus_address_get_stream_sync(address->c_str(), nullptr, connection_->limit.cancellable(), &error));
  if (stream) {
    connection_->limit.covers(
        g_socket_get_fd(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream.get()))));
    constexpr auto k_as_client = static_cast<GDBusConnectionFlags>(
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION);
    connection_->bus.reset(g_dbus_connection_new_sync(stream.get(), nullptr, k_as_client, nullptr,
                                                      connection_->limit.cancellable(), &error));
  }
  const Owned<GError> failure(error);
  if (failure) return cannot_reach_bus(*address, *failure);
  return {};
}

Error Keyring::cannot_reach_bus(const std::string& address, const GError& error) const {
  const std::string bus = "the session bus at " + wire::printable(address, k_max_foreign);
  if (connection_->limit.expired())
    return keyring_unusable(bus + " did not answer within " + connection_->limit.in_words() +
                            "; log in to the desktop anew");
  return keyring_unusable(bus + " cannot be reached" + in_brackets(error) + "; log in to the desktop anew");
}

Error Keyring::explain(const GError& error, Doing doing) const {
  const Owned<char> remote(g_dbus_error_get_remote_error(&error));
  const std::string_view name = remote ? remote.get() : "";
  if (name == "org.freedesktop.Secret.Error.IsLocked") return keyring_locked();
  if (name == "org.freedesktop.DBus.Error.ServiceUnknown" ||
      name == "org.freedesktop.DBus.Error.NameHasNoOwner")
    return keyring_unusable(
        "no keyring (secret service) runs on the session bus; start one, such as gnome-keyring, KWallet or "
        "KeePassXC");
  const bool writing = doing == Doing::writing;
  const auto code = writing ? ErrorCode::store : ErrorCode::store_locked;
  const std::string unknown =
      writing ? ", and whether the change was made is not known; see fob credential list" : "";
  if (connection_->limit.expired())
    return fail(code, "the keyring (secret service) did not answer within " + connection_->limit.in_words() +
                          unknown + "; restart it" + k_or_file);
  if (name == "org.freedesktop.DBus.Error.NoReply" || g_error_matches(&error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return fail(code, "the keyring (secret service) or its bus ended while it was asked" + unknown +
                          "; try again" + k_or_file);
  // GLib's word for a reply of another type than the one asked for.
  if (g_error_matches(&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    return fail(code, "the keyring (secret service) gave an answer that makes no sense" + unknown +
                          "; restart it" + k_or_file);
  if (!remote)
    return fail(code, "the keyring (secret service) could not be asked" + in_brackets(error) + unknown +
                          "; try again" + k_or_file);
  const Owned<GError> plain(g_error_copy(&error));
  g_dbus_error_strip_remote_error(plain.get());
  return fail(code, "the keyring (secret service) refused" + in_brackets(*plain) + "; try again" + k_or_file);
}

Result<Variant> Keyring::call(const char* path, const char* interface, const char* method,
                              GVariant* arguments, const char* reply, Doing doing) {
  GError* error = nullptr;
  Variant answer(g_dbus_connection_call_sync(connection_->bus.get(), k_name, path, interface, method,
                                             arguments, G_VARIANT_TYPE(reply), G_DBUS_CALL_FLAGS_NONE,
                                             G_MAXINT, connection_->limit.cancellable(), &error));
  if (answer) return answer;
  const Owned<GError> failure(error);
  const Owned<char> remote(g_dbus_error_get_remote_error(failure.get()));
  // What GLib's, Qt's and libdbus' services say of an object that is not there.
  for (const char* gone :
       {"org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.Secret.Error.NoSuchObject"})
    if (remote && std::strcmp(remote.get(), gone) == 0) return Variant();
  return explain(*failure, doing);
}

Result<Variant> Keyring::property(const std::string& path, const char* interface, const char* name,
                                  const char* type) {
  const auto reply = call(path.c_str(), "org.freedesktop.DBus.Properties", "Get",
                          g_variant_new("(ss)", interface, name), "(v)");
  if (!reply) return reply.error();
  if (!*reply) return Variant();
  GVariant* value = nullptr;
  g_variant_get(reply->get(), "(v)", &value);
  Variant owned(value);
  if (!g_variant_is_of_type(value, G_VARIANT_TYPE(type))) return keyring_answers_oddly();
  return owned;
}

Result<void> Keyring::open_session() {
  GError* error = nullptr;
  connection_->session.reset(static_cast<SecretService*>(
      g_initable_new(service_on_own_bus(), connection_->limit.cancellable(), &error, "g-connection",
                     connection_->bus.get(), "flags", SECRET_SERVICE_OPEN_SESSION, nullptr)));
  const Owned<GError> failure(error);
  if (failure) return explain(*failure, Doing::looking);
  // libsecret makes do with "plain" where the service knows nothing better.
  const char* algorithms = secret_service_get_session_algorithms(connection_->session.get());
  if (algorithms == nullptr || std::strcmp(algorithms, "plain") == 0)
    return keyring_unusable(
        "the keyring (secret service) would send secrets over the bus in clear; use another one");
  return {};
}

const char* Keyring::session() const {
  return secret_service_get_session_dbus_path(connection_->session.get());
}

GVariant* Keyring::seal(SecretValue* secret) const {
  return secret_service_encode_dbus_secret(connection_->session.get(), secret);
}

Result<Owned<SecretValue>> Keyring::unseal(GVariant* sealed) const {
  Owned<SecretValue> secret(secret_service_decode_dbus_secret(connection_->session.get(), sealed));
  if (!secret) return keyring_answers_oddly();
  return secret;
}

}  // namespace fob::store
