// What libfob's calls take while the token page is in use, beside the round trip of a bare echo. They take
// nanoseconds, so each is timed by the thousand. Mode "steady" instead makes so many gets between two calls
// of getppid(2), for strace to see what lies between.
#include "ipc/client/fob.h"
#include "tests/bench/rounds.hpp"
#include "tests/bench/unix_stream.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <unistd.h>

namespace fob::bench {
namespace {

constexpr int k_calls = 1000;
constexpr std::int64_t k_wait_ms = 5000;
constexpr int k_attempts = 20;
constexpr std::chrono::microseconds k_most_by_page{5};

struct Close {
  void operator()(fob_source* source) const { ::fob_close(source); }
};
using Source = std::unique_ptr<fob_source, Close>;

Source open_source(const std::string& socket) {
  fob_source* source = nullptr;
  if (::fob_open(nullptr, socket.c_str(), &source) != FOB_OK) throw std::runtime_error("fob_open");
  return Source(source);
}

void get(fob_source* source) {
  std::array<char, FOB_TOKEN_CAPACITY> token;  // not initialised: that would cost more than the call
  if (::fob_get(source, FOB_DEFAULT, k_wait_ms, token.data(), token.size(), nullptr) != FOB_OK)
    throw std::runtime_error("fob_get");
}

void get_token(fob_source* source) {
  fob_token* token = nullptr;
  if (::fob_get_token(source, FOB_DEFAULT, k_wait_ms, &token) != FOB_OK)
    throw std::runtime_error("fob_get_token");
  ::fob_token_free(token);
}

void change(fob_source* source) {
  if (::fob_change(source) == 0) throw std::runtime_error("fob_change");
}

// `call`, a thousand times.
template <class Call>
std::function<void()> by_the_thousand(fob_source* source, Call call) {
  return [source, call] {
    for (int i = 0; i < k_calls; ++i) call(source);
  };
}

// Without the page each call asks fobd, which takes tens of microseconds: another thing than what is
// measured. The first calls do, while the page is on its way; and other programs may get in between.
void need_page(fob_source* source) {
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < k_calls; ++i) get(source);
    if (std::chrono::steady_clock::now() - begin < k_calls * k_most_by_page) return;
  }
  throw std::runtime_error("the token page is not in use, fob_get asks fobd");
}

nlohmann::json times(const nlohmann::json& spec) {
  auto echo = Server::from(spec.at("echo"));
  learn(echo);
  const UniqueFd connection = connect_to(echo.socket);
  const auto path = spec.at("socket").get<std::string>();
  const Source source = open_source(path);
  need_page(source.get());
  return alternate({{"fob_get", by_the_thousand(source.get(), get)},
                    {"fob_get_token", by_the_thousand(source.get(), get_token)},
                    {"fob_change", by_the_thousand(source.get(), change)},
                    {"fob_open", [&path] { get(open_source(path).get()); }},
                    {"echo", [&] { round_trip(connection.get(), echo); }}},
                   Length::from(spec));
}

nlohmann::json steady(const nlohmann::json& spec) {
  const Source source = open_source(spec.at("socket").get<std::string>());
  need_page(source.get());
  static_cast<void>(::getppid());
  for (int left = spec.at("gets").get<int>(); left > 0; --left) get(source.get());
  static_cast<void>(::getppid());
  return nullptr;
}

nlohmann::json measure(const nlohmann::json& spec) {
  stay_on_core(spec.at("core").get<unsigned>());
  return spec.at("mode").get<std::string>() == "steady" ? steady(spec) : times(spec);
}

}  // namespace
}  // namespace fob::bench

int main(int argc, char** argv) { return fob::bench::run_program(argc, argv, fob::bench::measure); }
