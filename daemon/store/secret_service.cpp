// libsecret's own calls for items unlock, prompt and keep a proxy for every object they see. Here it is left
// with what it alone can do, the encrypted session and the locked memory for secrets; the service's few
// methods are called by name. So no prompt is possible: one is a path in a reply until Prompt() is called on
// it, and nothing here calls that, nor Unlock().
#include "daemon/store/secret_service.hpp"

#include "daemon/store/record_text.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/names.hpp"

// For libsecret's encode and decode functions, which say so but have been the same since 2012.
#define SECRET_API_SUBJECT_TO_CHANGE 1

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <libsecret/secret.h>
#include <memory>
#include <mutex>
#include <set>
#include <sys/socket.h>
#include <thread>

namespace fob::store {
namespace {

constexpr const char* k_name = "org.freedesktop.secrets";
constexpr const char* k_path = "/org/freedesktop/secrets";
constexpr const char* k_service = "org.freedesktop.Secret.Service";
constexpr const char* k_collection = "org.freedesktop.Secret.Collection";
constexpr const char* k_item = "org.freedesktop.Secret.Item";
constexpr const char* k_schema = "io.fob.Credential";
// A foreign message in one of ours: a line of a terminal, not a page.
constexpr std::size_t k_max_foreign = 200;
const std::string k_or_file = ", or set store = \"file\" in [daemon]";

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

Error unusable(std::string detail) { return fail(ErrorCode::store_locked, std::move(detail)); }

Error keyring_locked() {
  return unusable(
      "the keyring (secret service) is locked; unlock it, for example by logging in to the desktop, and try "
      "again" +
      k_or_file);
}
Error keyring_asks() {
  return unusable(
      "the keyring (secret service) wants to ask the user first, which fob never lets it do; allow it in the "
      "keyring's own program" +
      k_or_file);
}
Error odd_answer() {
  return unusable("the keyring (secret service) gave an answer that makes no sense; restart it" + k_or_file);
}
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
        return unusable("the session bus is not on a Unix socket (DBUS_SESSION_BUS_ADDRESS is " +
                        wire::printable(*address, k_max_foreign) + "); log in to a desktop" + k_or_file);
    return *address;
  }
  const auto runtime = environment("XDG_RUNTIME_DIR");
  std::error_code ignored;
  if (runtime && std::filesystem::is_socket(*runtime + "/bus", ignored))
    return "unix:path=" +
           std::string(Owned<char>(g_dbus_address_escape_value((*runtime + "/bus").c_str())).get());
  return unusable(
      "there is no session bus (neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR/bus), so no keyring "
      "(secret service) can be reached; log in to a desktop" +
      k_or_file);
}

enum class Doing : std::uint8_t { looking, writing };

// The keyring, for one call of the store.
class Keyring {
 public:
  Keyring(std::string installation, std::chrono::milliseconds limit)
      : installation_(std::move(installation)), limit_(limit) {}

  Result<void> open(const config::Environment& environment);
  /// For whoever reads or writes a secret: none ever crosses the bus in clear.
  Result<void> open_session();
  /// The items of `profile`, all of them unlocked.
  Result<std::vector<std::string>> find(const std::string& profile);
  /// The one of them that counts; empty: there is none.
  Result<std::string> item_of(const std::string& profile);
  /// Empty: the item is gone.
  Result<Owned<SecretValue>> secret_of(const std::string& item);
  Result<void> set_secret(const std::string& item, SecretValue* secret);
  Result<void> create(const std::string& profile, SecretValue* secret);
  Result<void> remove(const std::string& item);
  Result<std::set<std::string>> profiles();

 private:
  struct Items {
    std::vector<std::string> unlocked, locked;
  };

  Error explain(const GError& error, Doing doing) const;
  Error cannot_reach_bus(const std::string& address, const GError& error) const;
  GVariant* attributes(const std::string& profile) const;
  // The reply, of type `reply`; empty if there is no such object. Takes `arguments`, floating.
  Result<Variant> call(const char* path, const char* interface, const char* method, GVariant* arguments,
                       const char* reply, Doing doing = Doing::looking);
  Result<Variant> property(const std::string& path, const char* interface, const char* name,
                           const char* type);
  Result<Items> search(const std::string& profile);
  // Empty: there is none.
  Result<std::string> default_collection();
  Result<bool> is_locked(const std::string& collection);
  Result<void> refuse_hidden();

  std::string installation_;
  OwnContext context_;
  Limit limit_;
  Owned<GDBusConnection> bus_;
  Owned<SecretService> session_;
};

Result<void> Keyring::open(const config::Environment& environment) {
  const auto address = bus_address(environment);
  if (!address) return address.error();
  GError* error = nullptr;
  const Owned<GIOStream> stream(
      g_dbus_address_get_stream_sync(address->c_str(), nullptr, limit_.cancellable(), &error));
  if (stream) {
    limit_.covers(g_socket_get_fd(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream.get()))));
    constexpr auto k_as_client = static_cast<GDBusConnectionFlags>(
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION);
    bus_.reset(g_dbus_connection_new_sync(stream.get(), nullptr, k_as_client, nullptr, limit_.cancellable(),
                                          &error));
  }
  const Owned<GError> failure(error);
  if (failure) return cannot_reach_bus(*address, *failure);
  return {};
}

Error Keyring::cannot_reach_bus(const std::string& address, const GError& error) const {
  const std::string bus = "the session bus at " + wire::printable(address, k_max_foreign);
  if (limit_.expired())
    return unusable(bus + " did not answer within " + limit_.in_words() + "; log in to the desktop anew" +
                    k_or_file);
  return unusable(bus + " cannot be reached" + in_brackets(error) + "; log in to the desktop anew" +
                  k_or_file);
}

Error Keyring::explain(const GError& error, Doing doing) const {
  const Owned<char> remote(g_dbus_error_get_remote_error(&error));
  const std::string_view name = remote ? remote.get() : "";
  if (name == "org.freedesktop.Secret.Error.IsLocked") return keyring_locked();
  if (name == "org.freedesktop.DBus.Error.ServiceUnknown" ||
      name == "org.freedesktop.DBus.Error.NameHasNoOwner")
    return unusable(
        "no keyring (secret service) runs on the session bus; start one, such as gnome-keyring, KWallet or "
        "KeePassXC" +
        k_or_file);
  const bool writing = doing == Doing::writing;
  const auto code = writing ? ErrorCode::store : ErrorCode::store_locked;
  const std::string unknown =
      writing ? ", and whether the change was made is not known; see fob credential list" : "";
  if (limit_.expired())
    return fail(code, "the keyring (secret service) did not answer within " + limit_.in_words() + unknown +
                          "; restart it" + k_or_file);
  if (name == "org.freedesktop.DBus.Error.NoReply" || g_error_matches(&error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return fail(code, "the keyring (secret service) or its bus ended while it was asked" + unknown +
                          "; try again" + k_or_file);
  const Owned<GError> plain(g_error_copy(&error));
  g_dbus_error_strip_remote_error(plain.get());
  return fail(code, "the keyring (secret service) refused" + in_brackets(*plain) + "; try again" + k_or_file);
}

Result<Variant> Keyring::call(const char* path, const char* interface, const char* method,
                              GVariant* arguments, const char* reply, Doing doing) {
  GError* error = nullptr;
  Variant answer(g_dbus_connection_call_sync(bus_.get(), k_name, path, interface, method, arguments,
                                             G_VARIANT_TYPE(reply), G_DBUS_CALL_FLAGS_NONE, G_MAXINT,
                                             limit_.cancellable(), &error));
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
  if (!g_variant_is_of_type(value, G_VARIANT_TYPE(type))) return odd_answer();
  return owned;
}

// An empty `profile`: of all profiles.
GVariant* Keyring::attributes(const std::string& profile) const {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_builder_add(&builder, "{ss}", "xdg:schema", k_schema);
  g_variant_builder_add(&builder, "{ss}", "state", installation_.c_str());
  if (!profile.empty()) g_variant_builder_add(&builder, "{ss}", "profile", profile.c_str());
  return g_variant_builder_end(&builder);
}

std::vector<std::string> paths_in(GVariant* reply, gsize index) {
  const Variant list(g_variant_get_child_value(reply, index));
  std::vector<std::string> paths;
  for (gsize i = 0; i < g_variant_n_children(list.get()); ++i)
    paths.emplace_back(
        g_variant_get_string(Variant(g_variant_get_child_value(list.get(), i)).get(), nullptr));
  return paths;
}

// In every collection: the user may have made another one the default since.
Result<Keyring::Items> Keyring::search(const std::string& profile) {
  const auto reply =
      call(k_path, k_service, "SearchItems", g_variant_new("(@a{ss})", attributes(profile)), "(aoao)");
  if (!reply) return reply.error();
  if (!*reply) return odd_answer();
  return Items{paths_in(reply->get(), 0), paths_in(reply->get(), 1)};
}

Result<std::string> Keyring::default_collection() {
  const auto reply = call(k_path, k_service, "ReadAlias", g_variant_new("(s)", "default"), "(o)");
  if (!reply) return reply.error();
  if (!*reply) return odd_answer();
  const char* path = nullptr;
  g_variant_get(reply->get(), "(&o)", &path);
  return std::strcmp(path, "/") == 0 ? std::string() : std::string(path);
}

Result<bool> Keyring::is_locked(const std::string& collection) {
  const auto locked = property(collection, k_collection, "Locked", "b");
  if (!locked) return locked.error();
  return *locked && g_variant_get_boolean(locked->get());
}

// A search that found nothing proves little while the keyring is locked: before the first unlocking
// gnome-keyring knows the attributes by their hashes only, and KeePassXC knows nothing at all.
Result<void> Keyring::refuse_hidden() {
  const auto collection = default_collection();
  if (!collection) return collection.error();
  if (collection->empty()) return {};
  const auto locked = is_locked(*collection);
  if (!locked) return locked.error();
  if (*locked) return keyring_locked();
  return {};
}

// One locked item is enough to refuse: it might be the newest, and locked it does not tell.
Result<std::vector<std::string>> Keyring::find(const std::string& profile) {
  auto items = search(profile);
  if (!items) return items.error();
  if (!items->locked.empty()) return keyring_locked();
  if (items->unlocked.empty())
    if (const auto checked = refuse_hidden(); !checked) return checked.error();
  return std::move(items->unlocked);
}

// fob keeps one item a profile. Where an import or a restored backup made more, the last modified is what was
// written last; of equals, the greatest path. set_secret() on it leaves it the one that counts.
Result<std::string> Keyring::item_of(const std::string& profile) {
  const auto items = find(profile);
  if (!items) return items.error();
  if (items->size() == 1) return items->front();
  std::pair<guint64, std::string> best;
  for (const auto& item : *items) {
    const auto modified = property(item, k_item, "Modified", "t");
    if (!modified) return modified.error();
    if (*modified) best = std::max(best, std::pair(g_variant_get_uint64(modified->get()), item));
  }
  return best.second;
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

Result<void> Keyring::open_session() {
  GError* error = nullptr;
  session_.reset(static_cast<SecretService*>(g_initable_new(service_on_own_bus(), limit_.cancellable(),
                                                            &error, "g-connection", bus_.get(), "flags",
                                                            SECRET_SERVICE_OPEN_SESSION, nullptr)));
  const Owned<GError> failure(error);
  if (failure) return explain(*failure, Doing::looking);
  // libsecret makes do with "plain" where the service knows nothing better.
  const char* algorithms = secret_service_get_session_algorithms(session_.get());
  if (algorithms == nullptr || std::strcmp(algorithms, "plain") == 0)
    return unusable("the keyring (secret service) would send secrets over the bus in clear; use another one" +
                    k_or_file);
  return {};
}

Result<Owned<SecretValue>> Keyring::secret_of(const std::string& item) {
  const auto reply =
      call(item.c_str(), k_item, "GetSecret",
           g_variant_new("(o)", secret_service_get_session_dbus_path(session_.get())), "((oayays))");
  if (!reply) return reply.error();
  if (!*reply) return Owned<SecretValue>();
  const Variant sealed(g_variant_get_child_value(reply->get(), 0));
  Owned<SecretValue> secret(secret_service_decode_dbus_secret(session_.get(), sealed.get()));
  if (!secret) return odd_answer();
  return secret;
}

Result<void> Keyring::set_secret(const std::string& item, SecretValue* secret) {
  const auto reply =
      call(item.c_str(), k_item, "SetSecret",
           g_variant_new("(@(oayays))", secret_service_encode_dbus_secret(session_.get(), secret)), "()",
           Doing::writing);
  if (!reply) return reply.error();
  if (!*reply) return fail(ErrorCode::store, "the keyring's item was deleted meanwhile; try again");
  return {};
}

// No reply to a write has a prompt in it other than "/", unless the keyring wants to ask first.
Result<void> finished(const Result<Variant>& reply, gsize prompt) {
  if (!reply) return reply.error();
  if (!*reply) return {};
  const Variant path(g_variant_get_child_value(reply->get(), prompt));
  if (std::strcmp(g_variant_get_string(path.get(), nullptr), "/") != 0) return keyring_asks();
  return {};
}

Result<void> Keyring::create(const std::string& profile, SecretValue* secret) {
  const auto collection = default_collection();
  if (!collection) return collection.error();
  if (collection->empty())
    return unusable(
        "the keyring (secret service) has no default collection, and making one would ask the user; log in "
        "to the desktop, or make one in the keyring's own program" +
        k_or_file);
  GVariantBuilder properties;
  g_variant_builder_init(&properties, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Item.Label",
                        g_variant_new_string(("fob credential of " + profile).c_str()));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Item.Attributes", attributes(profile));
  const auto reply = call(collection->c_str(), k_collection, "CreateItem",
                          g_variant_new("(a{sv}@(oayays)b)", &properties,
                                        secret_service_encode_dbus_secret(session_.get(), secret), TRUE),
                          "(oo)", Doing::writing);
  if (reply && !*reply)
    return fail(ErrorCode::store, "the keyring's default collection was deleted meanwhile; try again");
  return finished(reply, 1);
}

Result<void> Keyring::remove(const std::string& item) {
  return finished(call(item.c_str(), k_item, "Delete", nullptr, "(o)", Doing::writing), 0);
}

Result<std::set<std::string>> Keyring::profiles() {
  const auto items = search("");
  if (!items) return items.error();
  if (items->unlocked.empty() && items->locked.empty())
    if (const auto checked = refuse_hidden(); !checked) return checked.error();
  std::set<std::string> names;
  for (const auto* paths : {&items->unlocked, &items->locked})
    for (const auto& path : *paths) {
      const auto found = property(path, k_item, "Attributes", "a{ss}");
      if (!found) return found.error();
      const char* name = nullptr;
      const bool named = *found && g_variant_lookup(found->get(), "profile", "&s", &name);
      if (*found && !named && paths == &items->locked) return keyring_locked();
      if (named && wire::is_profile_name(name)) names.emplace(name);
    }
  return names;
}

// A path as text that the bus takes: UTF-8. Ordinary paths stay as they are.
std::string as_attribute(const std::filesystem::path& directory) {
  auto path = std::filesystem::absolute(directory).lexically_normal().string();
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return Owned<char>(g_uri_escape_string(path.c_str(), "/ !$&'()*+,;=:@", TRUE)).get();
}

// Straight from libsecret's locked memory, which is wiped when `secret` is let go.
Result<Record> decode(SecretValue* secret, const std::string& profile) {
  gsize size = 0;
  const char* text = secret_value_get(secret, &size);
  auto record = decode_record({text, size}, profile);
  if (record) return record;
  return fail(record.error().code, "the keyring's item \"fob credential of " + profile +
                                       "\" cannot be used: " + record.error().detail +
                                       ". Enrol again: fob credential remove " + profile +
                                       " && fob credential add " + profile);
}

}  // namespace

SecretServiceRecords::SecretServiceRecords(const std::filesystem::path& state_dir,
                                           config::Environment environment, std::chrono::milliseconds limit)
    : installation_(as_attribute(state_dir)), environment_(std::move(environment)), limit_(limit) {}

Result<std::optional<Record>> SecretServiceRecords::read(const std::string& profile) {
  Keyring keyring(installation_, limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  const auto item = keyring.item_of(profile);
  if (!item) return item.error();
  if (item->empty()) return std::optional<Record>();
  if (const auto opened = keyring.open_session(); !opened) return opened.error();
  const auto secret = keyring.secret_of(*item);
  if (!secret) return secret.error();
  if (!*secret) return std::optional<Record>();
  auto record = decode(secret->get(), profile);
  if (!record) return record.error();
  return std::optional<Record>(std::move(*record));
}

Result<void> SecretServiceRecords::replace(const std::string& profile, const Record& record) {
  const auto text = encode_record(record, profile);
  if (!text) return text.error();
  if (text->size() > k_max_record_text)
    return fail(ErrorCode::store, "the record of " + profile + " is larger than the " +
                                      std::to_string(k_max_record_text) + " bytes allowed");
  Keyring keyring(installation_, limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  const auto item = keyring.item_of(profile);
  if (!item) return item.error();
  if (const auto opened = keyring.open_session(); !opened) return opened.error();
  const std::string_view plain = text->reveal();
  const Owned<SecretValue> secret(
      secret_value_new(plain.data(), static_cast<gssize>(plain.size()), "application/json"));
  return item->empty() ? keyring.create(profile, secret.get()) : keyring.set_secret(*item, secret.get());
}

Result<void> SecretServiceRecords::erase(const std::string& profile) {
  Keyring keyring(installation_, limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  const auto items = keyring.find(profile);
  if (!items) return items.error();
  for (const auto& item : *items)
    if (const auto removed = keyring.remove(item); !removed) return removed.error();
  return {};
}

Result<std::vector<std::string>> SecretServiceRecords::profiles() {
  Keyring keyring(installation_, limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  const auto names = keyring.profiles();
  if (!names) return names.error();
  return std::vector<std::string>(names->begin(), names->end());
}

}  // namespace fob::store
