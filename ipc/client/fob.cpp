// The C interface of libfob (fob.h) over TokenSource. Nothing is thrown across it: what an app passes is
// checked here, and what goes wrong is a status and words.
#include "ipc/client/socket_path.hpp"
#include "ipc/client/token_source.hpp"
#include "ipc/wire/limits.hpp"

#include <cstdlib>
#include <cstring>
#include <fob.h>
#include <new>
#include <string.h>
#include <string>

static_assert(FOB_TOKEN_CAPACITY == fob::wire::k_max_token + 1);

struct fob_source {
  fob::SystemClock clock;
  std::unique_ptr<fob::client::TokenSource> tokens;
};

struct fob_token {
  fob::client::HeldToken held;
  std::array<char, 9> fingerprint{};
  std::unique_ptr<char[]> text;
};

namespace {

using fob::Error;
using fob::ErrorCode;
using fob::client::HeldToken;
using std::chrono::milliseconds;

constexpr milliseconds k_longest_wait = fob::wire::k_max_wait;
constexpr milliseconds k_longest_min_ttl = fob::wire::k_max_min_ttl;

// Where an app waits for ever, it looks again after a month.
constexpr std::int64_t k_longest_timeout_ms = 31LL * 24 * 3600 * 1000;

int status_of(const Error& error) { return fob::traits(error.code).exit_status; }

int noted(fob_source& source, const Error& error) {
  source.tokens->note(error);
  return status_of(error);
}

// Runs what may throw only where there is no memory, or a bug.
template <class Work>
int guarded(fob_source* source, Work work) noexcept {
  if (source == nullptr) return FOB_USAGE;
  try {
    return work(*source->tokens);
  } catch (const std::exception& exception) {
    source->tokens->note({ErrorCode::internal, exception.what()});
  }
  return FOB_FAILED;
}

bool are_in_bounds(std::int64_t min_ttl_ms, std::int64_t wait_ms) {
  return wait_ms >= 0 && wait_ms <= k_longest_wait.count() && min_ttl_ms >= FOB_DEFAULT &&
         min_ttl_ms <= k_longest_min_ttl.count();
}

Error out_of_bounds() {
  return {ErrorCode::usage, "wait_ms must be 0 to " + std::to_string(k_longest_wait.count()) +
                                ", and min_ttl_ms FOB_DEFAULT, or 0 to a year"};
}

std::optional<milliseconds> min_ttl_from(std::int64_t ms) {
  if (ms == FOB_DEFAULT) return std::nullopt;
  return milliseconds(ms);
}

int get_slowly(fob_source* source, std::int64_t min_ttl_ms, std::int64_t wait_ms, std::span<char> token,
               HeldToken& held) {
  return guarded(source, [&](auto& tokens) {
    if (!are_in_bounds(min_ttl_ms, wait_ms)) return noted(*source, out_of_bounds());
    const auto got = tokens.get(min_ttl_from(min_ttl_ms), milliseconds(wait_ms), token);
    if (!got) return noted(*source, got.error());
    held = *got;
    return int{FOB_OK};
  });
}

int noted_too_small(fob_source& source, const HeldToken& held) {
  (void)guarded(&source, [&](auto& tokens) {
    tokens.note({ErrorCode::usage, "the token has " + std::to_string(held.length) +
                                       " bytes; give a buffer of FOB_TOKEN_CAPACITY"});
    return int{FOB_OK};
  });
  return FOB_TOO_SMALL;
}

std::optional<std::string> profile_from(const char* named) {
  if (named == nullptr) named = ::secure_getenv("FOB_PROFILE");
  if (named == nullptr || *named == '\0') return std::nullopt;
  return std::string(named);
}

fob_token* new_token(const HeldToken& held, const char* text) {
  auto made = std::make_unique<fob_token>();
  made->held = held;
  made->text = std::make_unique<char[]>(held.length + 1);
  std::copy_n(text, held.length, made->text.get());
  std::copy(held.fingerprint.begin(), held.fingerprint.end(), made->fingerprint.begin());
  return made.release();
}

}  // namespace

int fob_open(const char* profile, const char* socket, fob_source** source) {
  if (source == nullptr) return FOB_USAGE;
  *source = nullptr;
  try {
    auto made = std::make_unique<fob_source>();
    auto tokens = fob::client::TokenSource::open(
        profile_from(profile), socket == nullptr ? fob::client::default_app_socket() : socket, made->clock);
    if (!tokens) return status_of(tokens.error());
    made->tokens = std::move(*tokens);
    *source = made.release();
    return FOB_OK;
  } catch (const std::exception&) {
    return FOB_FAILED;
  }
}

void fob_close(fob_source* source) { delete source; }

int fob_get(fob_source* source, int64_t min_ttl_ms, int64_t wait_ms, char* buffer, size_t capacity,
            size_t* length) {
  if (length != nullptr) *length = 0;
  if (buffer == nullptr || capacity == 0) return FOB_USAGE;
  const std::span<char> token(buffer, capacity - 1);
  HeldToken held;
  int status = FOB_OK;
  const bool in_bounds = source != nullptr && are_in_bounds(min_ttl_ms, wait_ms);
  if (!in_bounds || !source->tokens->get_at_once(min_ttl_from(min_ttl_ms), token, held))
    status = get_slowly(source, min_ttl_ms, wait_ms, token, held);
  if (status == FOB_OK && !held.fits) status = noted_too_small(*source, held);
  if (length != nullptr) *length = held.length;
  if (status == FOB_OK) {
    buffer[held.length] = '\0';
  } else {
    // What may have been copied of a token that was not to be had in the end.
    ::explicit_bzero(buffer, std::min<size_t>(capacity, FOB_TOKEN_CAPACITY));
  }
  return status;
}

int fob_get_token(fob_source* source, int64_t min_ttl_ms, int64_t wait_ms, fob_token** token) {
  if (token == nullptr) return FOB_USAGE;
  *token = nullptr;
  std::array<char, fob::wire::k_max_token> text;  // NOLINT: left as it is, most of it is not used
  HeldToken held;
  const int got = get_slowly(source, min_ttl_ms, wait_ms, text, held);
  if (got != FOB_OK) {
    ::explicit_bzero(text.data(), text.size());
    return got;
  }
  const int made = guarded(source, [&](auto&) {
    *token = new_token(held, text.data());
    return int{FOB_OK};
  });
  ::explicit_bzero(text.data(), held.length);
  return made;
}

const char* fob_token_text(const fob_token* token) { return token->text.get(); }

size_t fob_token_length(const fob_token* token) { return token->held.length; }

const char* fob_token_fingerprint(const fob_token* token) { return token->fingerprint.data(); }

int64_t fob_token_expires_in_ms(const fob_token* token) {
  const auto left = token->held.deadline - fob::SystemClock().boot_now();
  return std::max<int64_t>(std::chrono::floor<milliseconds>(left).count(), 0);
}

void fob_token_free(fob_token* token) {
  if (token == nullptr) return;
  ::explicit_bzero(token->text.get(), token->held.length);
  delete token;
}

int fob_report_rejected(fob_source* source, const char* token, size_t length) {
  if (token == nullptr) return FOB_USAGE;
  return guarded(source, [&](auto& tokens) {
    const auto replaced = tokens.report_rejected({token, length});
    return replaced ? int{FOB_OK} : noted(*source, replaced.error());
  });
}

uint64_t fob_change(fob_source* source) {
  uint64_t seen = 0;
  (void)guarded(source, [&](auto& tokens) {
    seen = tokens.change();
    return int{FOB_OK};
  });
  return seen;
}

int fob_wait(fob_source* source, uint64_t since, int64_t timeout_ms, uint64_t* seen) {
  return guarded(source, [&](auto& tokens) {
    const milliseconds timeout(timeout_ms < 0 ? k_longest_timeout_ms
                                              : std::min(timeout_ms, k_longest_timeout_ms));
    const auto now = tokens.wait(since, timeout);
    if (seen != nullptr) *seen = now.value_or(since);
    return int{now ? FOB_OK : FOB_TIMED_OUT};
  });
}

int fob_descriptor(fob_source* source) {
  int descriptor = -1;
  (void)guarded(source, [&](auto& tokens) {
    descriptor = tokens.descriptor();
    return int{FOB_OK};
  });
  return descriptor;
}

int fob_acknowledge(fob_source* source, uint64_t* seen) {
  return guarded(source, [&](auto& tokens) {
    const uint64_t now = tokens.acknowledge();
    if (seen != nullptr) *seen = now;
    return int{FOB_OK};
  });
}

size_t fob_last_error(fob_source* source, char* buffer, size_t capacity) {
  size_t length = 0;
  if (buffer != nullptr && capacity > 0) *buffer = '\0';
  (void)guarded(source, [&](auto& tokens) {
    const std::string text = tokens.last_error();
    length = text.size();
    if (buffer == nullptr || capacity == 0) return int{FOB_OK};
    const size_t copied = std::min(length, capacity - 1);
    std::memcpy(buffer, text.data(), copied);
    buffer[copied] = '\0';
    return int{FOB_OK};
  });
  return length;
}

const char* fob_status_text(int status) {
  switch (status) {
    case FOB_OK:
      return "done";
    case FOB_USAGE:
      return "an argument that cannot be";
    case FOB_NOT_RUNNING:
      return "the daemon is not running";
    case FOB_NOT_GRANTED:
      return "this process is not granted that profile";
    case FOB_NO_TOKEN:
      return "there is no valid token now";
    case FOB_CREDENTIAL_REJECTED:
      return "the authority rejects the credential";
    case FOB_CONFIG:
      return "the daemon's configuration is wrong, or there is no such profile";
    case FOB_STORE:
      return "the daemon cannot read its credential";
    case FOB_TIMED_OUT:
      return "nothing has changed";
    case FOB_TOO_SMALL:
      return "the token does not fit";
    default:
      return "something is broken";
  }
}

const char* fob_version(void) { return FOB_VERSION; }
