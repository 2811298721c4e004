// The records as items of the keyring: which are ours, which one counts, what a write does. The service's few
// methods are called by name. So no prompt is possible: one is a path in a reply until Prompt() is called on
// it, and nothing here calls that, nor Unlock().
#include "daemon/store/secret_service.hpp"

#include "daemon/store/credential_store.hpp"
#include "daemon/store/keyring.hpp"
#include "daemon/store/record_text.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <system_error>

namespace fob::store {
namespace {

constexpr const char* k_path = "/org/freedesktop/secrets";
constexpr const char* k_service = "org.freedesktop.Secret.Service";
constexpr const char* k_collection = "org.freedesktop.Secret.Collection";
constexpr const char* k_item = "org.freedesktop.Secret.Item";
constexpr const char* k_schema = "io.fob.Credential";
// Far more than anybody has; each costs a call to ask whether it is locked.
constexpr std::size_t k_max_collections = 64;

// This installation's items in the keyring, for one call of the store.
class Items {
 public:
  Items(Keyring& keyring, std::string installation)
      : keyring_(keyring), installation_(std::move(installation)) {}

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
  struct Found {
    std::vector<std::string> unlocked, locked;
  };

  GVariant* attributes(const std::string& profile) const;
  Result<Found> search_once(const std::string& profile);
  Result<Found> search(const std::string& profile);
  // Empty: there is none.
  Result<std::string> default_collection();
  Result<void> refuse_hidden();

  Keyring& keyring_;
  std::string installation_;
};

// An empty `profile`: of all profiles.
GVariant* Items::attributes(const std::string& profile) const {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_builder_add(&builder, "{ss}", "xdg:schema", k_schema);
  g_variant_builder_add(&builder, "{ss}", "state", installation_.c_str());
  if (!profile.empty()) g_variant_builder_add(&builder, "{ss}", "profile", profile.c_str());
  return g_variant_builder_end(&builder);
}

std::vector<std::string> paths_in(const Variant& list) {
  std::vector<std::string> paths;
  for (gsize i = 0; i < g_variant_n_children(list.get()); ++i)
    paths.emplace_back(
        g_variant_get_string(Variant(g_variant_get_child_value(list.get(), i)).get(), nullptr));
  return paths;
}

// In every collection: the user may have made another one the default since. It is the first call of a
// connection, and gnome-keyring may come to it before it knows its client: then it says that there is no such
// method, and the second time that there is.
Result<Items::Found> Items::search_once(const std::string& profile) {
  const auto ask = [&] {
    return keyring_.call(k_path, k_service, "SearchItems", g_variant_new("(@a{ss})", attributes(profile)),
                         "(aoao)");
  };
  auto reply = ask();
  if (reply && !*reply) reply = ask();
  if (!reply) return reply.error();
  if (!*reply) return keyring_answers_oddly();
  return Found{paths_in(Variant(g_variant_get_child_value(reply->get(), 0))),
               paths_in(Variant(g_variant_get_child_value(reply->get(), 1)))};
}

Result<std::string> Items::default_collection() {
  const auto reply = keyring_.call(k_path, k_service, "ReadAlias", g_variant_new("(s)", "default"), "(o)");
  if (!reply) return reply.error();
  if (!*reply) return keyring_answers_oddly();
  const char* path = nullptr;
  g_variant_get(reply->get(), "(&o)", &path);
  return std::strcmp(path, "/") == 0 ? std::string() : std::string(path);
}

// A search that found nothing proves little while any collection is locked: before its first unlocking
// gnome-keyring knows the attributes by their hashes only, and KeePassXC knows nothing at all.
Result<void> Items::refuse_hidden() {
  const auto collections = keyring_.property(k_path, k_service, "Collections", "ao");
  if (!collections) return collections.error();
  if (!*collections) return keyring_answers_oddly();
  if (g_variant_n_children(collections->get()) > k_max_collections)
    return keyring_unusable("the keyring (secret service) has more than " +
                            std::to_string(k_max_collections) +
                            " collections, too many to see whether one of them is locked; delete some");
  for (const auto& collection : paths_in(*collections)) {
    const auto locked = keyring_.property(collection, k_collection, "Locked", "b");
    if (!locked) return locked.error();
    if (!*locked) return keyring_lost("a collection of the keyring (secret service)");
    if (g_variant_get_boolean(locked->get())) return keyring_locked(collection);
  }
  return {};
}

// Once more where nothing was found and nothing is hidden: a login may have come in between.
Result<Items::Found> Items::search(const std::string& profile) {
  auto items = search_once(profile);
  if (!items || !items->unlocked.empty() || !items->locked.empty()) return items;
  if (const auto checked = refuse_hidden(); !checked) return checked.error();
  return search_once(profile);
}

// One locked item is enough to refuse: it might be the newest, and locked it does not tell.
Result<std::vector<std::string>> Items::find(const std::string& profile) {
  auto items = search(profile);
  if (!items) return items.error();
  if (!items->locked.empty()) return keyring_locked();
  return std::move(items->unlocked);
}

// fob keeps one item a profile. Where an import or a restored backup made more, the last modified is what was
// written last; of equals, and of those that do not tell, the greatest path: where items were found, never
// none. set_secret() on it leaves it the one that counts.
Result<std::string> Items::item_of(const std::string& profile) {
  const auto items = find(profile);
  if (!items) return items.error();
  if (items->size() == 1) return items->front();
  std::pair<guint64, std::string> best;
  for (const auto& item : *items) {
    const auto modified = keyring_.property(item, k_item, "Modified", "t");
    if (!modified) return modified.error();
    best = std::max(best, std::pair(*modified ? g_variant_get_uint64(modified->get()) : 0, item));
  }
  return best.second;
}

Result<Owned<SecretValue>> Items::secret_of(const std::string& item) {
  const auto reply = keyring_.call(item.c_str(), k_item, "GetSecret",
                                   g_variant_new("(o)", keyring_.session()), "((oayays))");
  if (!reply) return reply.error();
  if (!*reply) return Owned<SecretValue>();
  const Variant sealed(g_variant_get_child_value(reply->get(), 0));
  return keyring_.unseal(sealed.get());
}

Result<void> Items::set_secret(const std::string& item, SecretValue* secret) {
  const auto reply =
      keyring_.call(item.c_str(), k_item, "SetSecret", g_variant_new("(@(oayays))", keyring_.seal(secret)),
                    "()", Keyring::Doing::writing);
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

Result<void> Items::create(const std::string& profile, SecretValue* secret) {
  const auto collection = default_collection();
  if (!collection) return collection.error();
  if (collection->empty())
    return keyring_unusable(
        "the keyring (secret service) has no default collection, and making one would ask the user; log in "
        "to the desktop, or make one in the keyring's own program");
  GVariantBuilder properties;
  g_variant_builder_init(&properties, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Item.Label",
                        g_variant_new_string(("fob credential of " + profile).c_str()));
  g_variant_builder_add(&properties, "{sv}", "org.freedesktop.Secret.Item.Attributes", attributes(profile));
  const auto reply =
      keyring_.call(collection->c_str(), k_collection, "CreateItem",
                    g_variant_new("(a{sv}@(oayays)b)", &properties, keyring_.seal(secret), TRUE), "(oo)",
                    Keyring::Doing::writing);
  if (reply && !*reply)
    return fail(ErrorCode::store, "the keyring's default collection was deleted meanwhile; try again");
  return finished(reply, 1);
}

Result<void> Items::remove(const std::string& item) {
  return finished(keyring_.call(item.c_str(), k_item, "Delete", nullptr, "(o)", Keyring::Doing::writing), 0);
}

Result<std::set<std::string>> Items::profiles() {
  const auto items = search("");
  if (!items) return items.error();
  std::set<std::string> names;
  for (const auto* paths : {&items->unlocked, &items->locked})
    for (const auto& path : *paths) {
      const auto found = keyring_.property(path, k_item, "Attributes", "a{ss}");
      if (!found) return found.error();
      const char* name = nullptr;
      const bool named = *found && g_variant_lookup(found->get(), "profile", "&s", &name);
      if (*found && !named && paths == &items->locked) return keyring_locked();
      if (named && wire::is_profile_name(name)) names.emplace(name);
    }
  return names;
}

// A path as text that the bus takes: UTF-8. Ordinary paths stay as they are. Through whatever symlinks it is
// reached, a directory has one name: under a second one fob would find no record, and make another.
std::string as_attribute(const std::filesystem::path& directory) {
  std::error_code failed;
  const auto real = std::filesystem::weakly_canonical(directory, failed);
  auto path = (failed ? directory.lexically_normal() : real).string();
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
                                       ". Enrol again: " + enrol_again(profile));
}

}  // namespace

SecretServiceRecords::SecretServiceRecords(const std::filesystem::path& state_dir,
                                           config::Environment environment, std::chrono::milliseconds limit)
    : state_dir_(std::filesystem::absolute(state_dir)), environment_(std::move(environment)), limit_(limit) {}

Result<std::optional<Record>> SecretServiceRecords::read(const std::string& profile) {
  Keyring keyring(limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  Items items(keyring, as_attribute(state_dir_));
  const auto item = items.item_of(profile);
  if (!item) return item.error();
  if (item->empty()) return std::optional<Record>();
  if (const auto opened = keyring.open_session(); !opened) return opened.error();
  const auto secret = items.secret_of(*item);
  if (!secret) return secret.error();
  if (!*secret) return keyring_lost("the keyring's item \"fob credential of " + profile + "\"");
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
  Keyring keyring(limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  Items items(keyring, as_attribute(state_dir_));
  const auto item = items.item_of(profile);
  if (!item) return item.error();
  if (const auto opened = keyring.open_session(); !opened) return opened.error();
  const std::string_view plain = text->reveal();
  const Owned<SecretValue> secret(
      secret_value_new(plain.data(), static_cast<gssize>(plain.size()), "application/json"));
  return item->empty() ? items.create(profile, secret.get()) : items.set_secret(*item, secret.get());
}

Result<void> SecretServiceRecords::erase(const std::string& profile) {
  Keyring keyring(limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  Items items(keyring, as_attribute(state_dir_));
  const auto found = items.find(profile);
  if (!found) return found.error();
  for (const auto& item : *found) {
    const auto removed = items.remove(item);
    if (removed) continue;
    if (item == found->front()) return removed.error();
    return fail(removed.error().code, "of the " + std::to_string(found->size()) + " items of " + profile +
                                          " some may be gone: " + removed.error().detail);
  }
  return {};
}

Result<std::vector<std::string>> SecretServiceRecords::profiles() {
  Keyring keyring(limit_);
  if (const auto opened = keyring.open(environment_); !opened) return opened.error();
  Items items(keyring, as_attribute(state_dir_));
  const auto names = items.profiles();
  if (!names) return names.error();
  return std::vector<std::string>(names->begin(), names->end());
}

}  // namespace fob::store
