// A desktop session in a fresh directory, for tests: a private D-Bus, and on it a real gnome-keyring whose
// default collection is unlocked. Both end with it, and with the test process, however that ends. Or, on the
// same bus, a keyring of the test's own making, which answers as no real one does on demand.
#pragma once

#include "tests/support/temp_directory.hpp"

#include <csignal>
#include <filesystem>
#include <functional>
#include <gio/gio.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob::test {

/// A child process, killed by the destructor and by the end of this process.
class ChildProcess {
 public:
  struct Streams {
    int in = -1, out = -1, err = -1;  ///< -1: /dev/null
  };
  ChildProcess(const std::vector<std::string>& command, const std::vector<std::string>& environment,
               const Streams& streams);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { kill(); }

  void signal(int number) const { ::kill(pid_, number); }
  /// SIGKILL, and waits until it is gone.
  void kill();

 private:
  pid_t pid_ = -1;
};

class KeyringSession {
 public:
  enum class Keyring {
    none,             ///< a bus and nothing on it
    without_default,  ///< a keyring that has no default collection yet
    unlocked
  };

  /// Sets DBUS_SESSION_BUS_ADDRESS for this process, until the destructor. Returns when everything is up.
  explicit KeyringSession(Keyring keyring = Keyring::unlocked);
  KeyringSession(const KeyringSession&) = delete;
  KeyringSession& operator=(const KeyringSession&) = delete;
  ~KeyringSession();

  const std::string& address() const { return address_; }
  /// Where everything is that the keyring writes.
  const std::filesystem::path& directory() const { return directory_.path(); }

  void lock() { lock(default_collection()); }
  void lock(const std::string& collection);
  /// As after a reboot without a login: what is locked has never been unlocked.
  void restart_locked();
  /// As after a reboot and a login: the default collection alone is unlocked.
  void restart_with_login();
  void stop_keyring() const { keyring_->signal(SIGSTOP); }
  void continue_keyring() const { keyring_->signal(SIGCONT); }
  /// Returns when the bus knows it too.
  void kill_keyring();
  void stop_bus() const { bus_->signal(SIGSTOP); }

  std::string default_collection();
  /// Makes a collection beside the default one, unlocked; returns its path.
  std::string add_collection(const std::string& label);
  /// Puts an item beside those with the same attributes, if any; returns its path.
  std::string add_item(const std::map<std::string, std::string>& attributes, const std::string& secret) {
    return add_item(attributes, secret, default_collection());
  }
  std::string add_item(const std::map<std::string, std::string>& attributes, const std::string& secret,
                       const std::string& collection);
  /// The paths of the items with these attributes.
  std::vector<std::string> items(const std::map<std::string, std::string>& attributes);
  std::map<std::string, std::string> attributes_of(const std::string& item);
  std::string label_of(const std::string& item);

  /// Writes all that goes over the bus from now on into `file`.
  void record_bus(const std::filesystem::path& file);

 private:
  struct Unref {
    void operator()(GVariant* value) const { g_variant_unref(value); }
    void operator()(GDBusConnection* bus) const { g_object_unref(bus); }
  };
  using Reply = std::unique_ptr<GVariant, Unref>;

  void start_bus();
  void start_keyring(bool unlock);
  bool has_keyring();
  Reply ask(const std::string& path, const char* interface, const char* method, GVariant* arguments);
  Reply property(const std::string& path, const char* interface, const char* name);
  /// `text` as the keyring takes a secret, in clear, in a session of its own; floating.
  GVariant* in_clear(const std::string& text);
  std::vector<std::string> environment() const;

  TempDirectory directory_;
  std::optional<std::string> address_before_;
  std::string address_;
  std::unique_ptr<ChildProcess> bus_, keyring_, monitor_;
  std::unique_ptr<GDBusConnection, Unref> connection_;
};

/// A secret service of the test's own making, on a session's bus until the destructor. `answer`, called in
/// GLib's thread, gives the reply to a call, in GVariant's text form, or the name of an error, or nothing,
/// upon which the service's connection breaks.
class FakeService {
 public:
  struct Call {
    std::string method;  ///< for org.freedesktop.DBus.Properties.Get: the property's name
    std::string path;
  };
  using Answer = std::function<std::string(const Call& call)>;

  FakeService(const KeyringSession& session, Answer answer);
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;
  ~FakeService();

  /// The methods that were called, and the properties that were asked for, so far.
  std::vector<std::string> calls() const;

 private:
  static GDBusMessage* on_message(GDBusConnection* bus, GDBusMessage* message, gboolean incoming,
                                  gpointer self);
  void reply_to(GDBusConnection* bus, GDBusMessage* message);

  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  Answer answer_;
  GDBusConnection* bus_ = nullptr;
  guint filter_ = 0;
};

}  // namespace fob::test
