#include "tests/support/keyring_session.hpp"

#include "ipc/base/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace fob::test {
namespace {

constexpr const char* k_keyring = "org.freedesktop.secrets";
constexpr const char* k_service_path = "/org/freedesktop/secrets";
constexpr const char* k_service = "org.freedesktop.Secret.Service";
constexpr const char* k_collection = "org.freedesktop.Secret.Collection";
constexpr const char* k_item = "org.freedesktop.Secret.Item";
constexpr const char* k_address = "DBUS_SESSION_BUS_ADDRESS";

std::runtime_error failed(const std::string& what) { return std::runtime_error("keyring session: " + what); }

template <class Condition>
void wait_until(const char* what, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) throw failed(std::string(what) + " did not come");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::pair<UniqueFd, UniqueFd> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw failed("pipe2");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

GVariant* dictionary(const std::map<std::string, std::string>& entries) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  for (const auto& [key, value] : entries)
    g_variant_builder_add(&builder, "{ss}", key.c_str(), value.c_str());
  return g_variant_builder_end(&builder);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command,
                           const std::vector<std::string>& environment, const Streams& streams) {
  const auto argv = pointers(command);
  const auto envp = pointers(environment);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw failed("fork");
  if (pid_ > 0) return;
  // GLib has threads: nothing but system calls from here on.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(streams.in < 0 ? nothing : streams.in, STDIN_FILENO);
  ::dup2(streams.out < 0 ? nothing : streams.out, STDOUT_FILENO);
  ::dup2(streams.err < 0 ? nothing : streams.err, STDERR_FILENO);
  ::execvpe(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

void ChildProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

KeyringSession::KeyringSession(Keyring keyring) {
  for (const char* name : {"home", "runtime", "data"}) ::mkdir((directory() / name).c_str(), 0700);
  if (const char* before = std::getenv(k_address)) address_before_ = before;
  start_bus();
  ::setenv(k_address, address_.c_str(), 1);
  if (keyring != Keyring::none) start_keyring(keyring == Keyring::unlocked);
}

KeyringSession::~KeyringSession() {
  // Before the bus ends: GLib would queue that news, and keep the connection for it.
  connection_.reset();
  monitor_.reset();
  keyring_.reset();
  bus_.reset();
  if (address_before_)
    ::setenv(k_address, address_before_->c_str(), 1);
  else
    ::unsetenv(k_address);
}

std::vector<std::string> KeyringSession::environment() const {
  return {"PATH=/usr/bin:/bin", "HOME=" + (directory() / "home").string(),
          "XDG_RUNTIME_DIR=" + (directory() / "runtime").string(),
          "XDG_DATA_HOME=" + (directory() / "data").string(), std::string(k_address) + "=" + address_};
}

// No service directories: the bus starts nothing by itself.
void KeyringSession::start_bus() {
  const auto config = directory() / "bus.conf";
  std::ofstream(config) << R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><auth>EXTERNAL</auth><listen>unix:path=)"
                        << (directory() / "bus").string() << R"(</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>)";
  auto [read_end, write_end] = make_pipe();
  bus_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{"dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1",
                               "--config-file=" + config.string()},
      environment(), ChildProcess::Streams{.out = write_end.get()});
  write_end.reset();
  for (char c = 0; ::read(read_end.get(), &c, 1) == 1 && c != '\n';) address_ += c;
  if (address_.empty()) throw failed("dbus-daemon does not start");

  constexpr auto k_as_client = static_cast<GDBusConnectionFlags>(
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION);
  connection_.reset(
      g_dbus_connection_new_for_address_sync(address_.c_str(), k_as_client, nullptr, nullptr, nullptr));
  if (!connection_) throw failed("the bus cannot be reached");
}

void KeyringSession::start_keyring(bool unlock) {
  std::vector<std::string> command{"gnome-keyring-daemon", "--foreground", "--components=secrets"};
  if (unlock) command.emplace_back("--unlock");
  auto [read_end, write_end] = make_pipe();
  const UniqueFd log(
      ::open((directory() / "keyring.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  keyring_ = std::make_unique<ChildProcess>(command, environment(),
                                            ChildProcess::Streams{read_end.get(), log.get(), log.get()});
  constexpr std::string_view k_password = "a login's password\n";
  if (::write(write_end.get(), k_password.data(), k_password.size()) < 0) throw failed("write");
  write_end.reset();
  wait_until("the keyring", [this] { return has_keyring(); });
  if (unlock) wait_until("its collection", [this] { return default_collection() != "/"; });
}

bool KeyringSession::has_keyring() {
  const Reply reply(
      g_dbus_connection_call_sync(connection_.get(), "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus", "NameHasOwner", g_variant_new("(s)", k_keyring),
                                  G_VARIANT_TYPE("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, nullptr, nullptr));
  gboolean owned = FALSE;
  if (reply) g_variant_get(reply.get(), "(b)", &owned);
  return owned != FALSE;
}

KeyringSession::Reply KeyringSession::ask(const std::string& path, const char* interface, const char* method,
                                          GVariant* arguments) {
  GError* error = nullptr;
  Reply reply(g_dbus_connection_call_sync(connection_.get(), k_keyring, path.c_str(), interface, method,
                                          arguments, nullptr, G_DBUS_CALL_FLAGS_NONE, -1, nullptr, &error));
  if (!reply) {
    const std::string message = error->message;
    g_error_free(error);
    throw failed(std::string(method) + ": " + message);
  }
  return reply;
}

KeyringSession::Reply KeyringSession::property(const std::string& path, const char* interface,
                                               const char* name) {
  const auto reply =
      ask(path, "org.freedesktop.DBus.Properties", "Get", g_variant_new("(ss)", interface, name));
  GVariant* value = nullptr;
  g_variant_get(reply.get(), "(v)", &value);
  return Reply(value);
}

std::string KeyringSession::default_collection() {
  const auto reply = ask(k_service_path, k_service, "ReadAlias", g_variant_new("(s)", "default"));
  const char* path = nullptr;
  g_variant_get(reply.get(), "(&o)", &path);
  return path;
}

void KeyringSession::lock(const std::string& collection) {
  const char* path = collection.c_str();
  ask(k_service_path, k_service, "Lock", g_variant_new("(@ao)", g_variant_new_objv(&path, 1)));
  const auto locked = property(collection, k_collection, "Locked");
  if (!g_variant_get_boolean(locked.get())) throw failed("the collection stays unlocked");
}

void KeyringSession::kill_keyring() {
  keyring_->kill();
  wait_until("the keyring's end", [this] { return !has_keyring(); });
}

void KeyringSession::restart_locked() {
  kill_keyring();
  start_keyring(false);
}

void KeyringSession::restart_with_login() {
  kill_keyring();
  start_keyring(true);
}

// gnome-keyring's own way to make one without a prompt.
std::string KeyringSession::add_collection(const std::string& label) {
  GVariantBuilder properties;
  g_variant_builder_init(&properties, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Collection.Label",
                        g_variant_new_string(label.c_str()));
  const auto created = ask(k_service_path, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
                           "CreateWithMasterPassword",
                           g_variant_new("(a{sv}@(oayays))", &properties, in_clear("its password")));
  const char* path = nullptr;
  g_variant_get(created.get(), "(&o)", &path);
  return path;
}

GVariant* KeyringSession::in_clear(const std::string& text) {
  const auto opened =
      ask(k_service_path, k_service, "OpenSession", g_variant_new("(sv)", "plain", g_variant_new_string("")));
  const char* session = nullptr;
  g_variant_get(opened.get(), "(v&o)", nullptr, &session);
  return g_variant_new("(o@ay@ays)", session, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, nullptr, 0, 1),
                       g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, text.data(), text.size(), 1),
                       "text/plain");
}

std::string KeyringSession::add_item(const std::map<std::string, std::string>& attributes,
                                     const std::string& secret, const std::string& collection) {
  GVariantBuilder properties;
  g_variant_builder_init(&properties, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Item.Label",
                        g_variant_new_string("made by hand"));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Item.Attributes",
                        dictionary(attributes));
  const auto created = ask(collection, k_collection, "CreateItem",
                           g_variant_new("(a{sv}@(oayays)b)", &properties, in_clear(secret), FALSE));
  const char* path = nullptr;
  g_variant_get(created.get(), "(&o&o)", &path, nullptr);
  return path;
}

std::vector<std::string> KeyringSession::items(const std::map<std::string, std::string>& attributes) {
  const auto found =
      ask(k_service_path, k_service, "SearchItems", g_variant_new("(@a{ss})", dictionary(attributes)));
  std::vector<std::string> paths;
  for (gsize list = 0; list < 2; ++list) {
    const Reply part(g_variant_get_child_value(found.get(), list));
    for (gsize i = 0; i < g_variant_n_children(part.get()); ++i) {
      const Reply path(g_variant_get_child_value(part.get(), i));
      paths.emplace_back(g_variant_get_string(path.get(), nullptr));
    }
  }
  return paths;
}

std::map<std::string, std::string> KeyringSession::attributes_of(const std::string& item) {
  const auto entries = property(item, k_item, "Attributes");
  std::map<std::string, std::string> all;
  for (gsize i = 0; i < g_variant_n_children(entries.get()); ++i) {
    const Reply entry(g_variant_get_child_value(entries.get(), i));
    const char *key = nullptr, *value = nullptr;
    g_variant_get(entry.get(), "{&s&s}", &key, &value);
    all.emplace(key, value);
  }
  return all;
}

std::string KeyringSession::label_of(const std::string& item) {
  return g_variant_get_string(property(item, k_item, "Label").get(), nullptr);
}

void KeyringSession::record_bus(const std::filesystem::path& file) {
  const UniqueFd out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  monitor_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{"dbus-monitor", "--address", address_, "--binary"}, environment(),
      ChildProcess::Streams{.out = out.get()});
  // What it shows first is the news that it is there.
  wait_until("dbus-monitor", [&file] { return std::filesystem::file_size(file) > 0; });
}

FakeService::FakeService(const KeyringSession& session, Answer answer) : answer_(std::move(answer)) {
  constexpr auto k_as_client = static_cast<GDBusConnectionFlags>(
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION);
  constexpr guint k_in_place_of_the_last = 3;  // DBUS_NAME_FLAG_ALLOW_REPLACEMENT, _REPLACE_EXISTING
  bus_ = g_dbus_connection_new_for_address_sync(session.address().c_str(), k_as_client, nullptr, nullptr,
                                                nullptr);
  filter_ = g_dbus_connection_add_filter(bus_, &FakeService::on_message, this, nullptr);
  g_variant_unref(g_dbus_connection_call_sync(bus_, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                              "org.freedesktop.DBus", "RequestName",
                                              g_variant_new("(su)", k_keyring, k_in_place_of_the_last),
                                              nullptr, G_DBUS_CALL_FLAGS_NONE, -1, nullptr, nullptr));
}

FakeService::~FakeService() {
  g_dbus_connection_close_sync(bus_, nullptr, nullptr);
  g_dbus_connection_remove_filter(bus_, filter_);
  while (g_main_context_iteration(nullptr, FALSE)) {  // lest it keep the connection to tell of its end
  }
  g_object_unref(bus_);
}

std::vector<std::string> FakeService::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

// In GLib's thread.
GDBusMessage* FakeService::on_message(GDBusConnection* bus, GDBusMessage* message, gboolean incoming,
                                      gpointer self) {
  if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    return message;
  static_cast<FakeService*>(self)->reply_to(bus, message);
  g_object_unref(message);
  return nullptr;
}

void FakeService::reply_to(GDBusConnection* bus, GDBusMessage* message) {
  Call call{g_dbus_message_get_member(message), g_dbus_message_get_path(message)};
  if (call.method == "Get") {
    const char* property = nullptr;
    g_variant_get(g_dbus_message_get_body(message), "(&s&s)", nullptr, &property);
    call.method = property;
  }
  {
    const std::scoped_lock lock(mutex_);
    calls_.push_back(call.method);
  }
  const std::string answer = answer_(call);
  if (answer.empty()) return g_dbus_connection_close(bus, nullptr, nullptr, nullptr);
  GDBusMessage* reply = nullptr;
  if (answer.starts_with("org.")) {
    reply = g_dbus_message_new_method_error_literal(message, answer.c_str(), "no \n such\x1b[31m luck");
  } else {
    reply = g_dbus_message_new_method_reply(message);
    g_dbus_message_set_body(reply, g_variant_new_parsed(answer.c_str()));
  }
  g_dbus_connection_send_message(bus, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, nullptr, nullptr);
  g_object_unref(reply);
}

}  // namespace fob::test
