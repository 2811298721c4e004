// A secret from the desktop's keyring through libsecret, over a real bus, beside a token from fobd over a new
// connection. The keyring has this one item, is unlocked, and the session with it is open.
#include "tests/bench/rounds.hpp"
#include "tests/bench/unix_stream.hpp"

#include <libsecret/secret.h>
#include <stdexcept>

namespace fob::bench {
namespace {

const SecretSchema* schema() {
  static const SecretSchema schema = {"fob.bench",
                                      SECRET_SCHEMA_NONE,
                                      {{"name", SECRET_SCHEMA_ATTRIBUTE_STRING}, {nullptr, {}}},
                                      0,
                                      nullptr,
                                      nullptr,
                                      nullptr,
                                      nullptr,
                                      nullptr,
                                      nullptr,
                                      nullptr};
  return &schema;
}

[[noreturn]] void throw_and_free(GError* error) {
  const std::string text = error != nullptr ? error->message : "the keyring has no such item";
  g_clear_error(&error);
  throw std::runtime_error(text);
}

void store(const std::string& secret) {
  GError* error = nullptr;
  if (secret_password_store_sync(schema(), SECRET_COLLECTION_DEFAULT, "bench", secret.c_str(), nullptr,
                                 &error, "name", "bench", nullptr) == FALSE)
    throw_and_free(error);
}

void look_up() {
  GError* error = nullptr;
  gchar* secret = secret_password_lookup_sync(schema(), nullptr, &error, "name", "bench", nullptr);
  if (secret == nullptr) throw_and_free(error);
  secret_password_free(secret);
}

nlohmann::json compare(const nlohmann::json& spec) {
  stay_on_core(spec.at("core").get<unsigned>());
  auto server = Server::from(spec.at("fob"));
  learn(server);
  store(std::string(spec.at("secret_size").get<std::size_t>(), 's'));
  return alternate({{"fob", [&server] { connect_ask_close(server); }}, {"libsecret", [] { look_up(); }}},
                   Length::from(spec));
}

}  // namespace
}  // namespace fob::bench

int main(int argc, char** argv) { return fob::bench::run_program(argc, argv, fob::bench::compare); }
