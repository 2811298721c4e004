// Every bound on what crosses a process boundary, in one place, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace fob::wire {

// An app's request: a target with three short parameters and the headers a plain HTTP client sends.
inline constexpr std::size_t k_max_head = 8 * 1024;
// The largest body an app sends is a rejected token with its profile.
inline constexpr std::size_t k_max_body = 32 * 1024;
// Nothing we read nests deeper than an object in an object in an array.
inline constexpr int k_max_json_depth = 8;
// The largest object that we write, a profile's state, has less than forty.
inline constexpr std::size_t k_max_json_members = 128;
// A bearer token travels in an HTTP header, and common servers take 8 to 16 KiB of headers.
inline constexpr std::size_t k_max_token = 16 * 1024;
// A client id, or a secret: it has to fit the 8 KiB that common servers allow a header, in base64.
inline constexpr std::size_t k_max_credential_value = 4 * 1024;
// One line from the exchanger: a token, its scopes and a detail. Also what it may be asked.
inline constexpr std::size_t k_max_exchange_answer = 64 * 1024;
inline constexpr std::size_t k_max_exchange_request = 1024;
// To promote a staged credential: a profile and a version; back comes a word and a detail, in JSON's escapes.
inline constexpr std::size_t k_max_promotion_request = 1024;
inline constexpr std::size_t k_max_promotion_answer = 8 * 1024;
// A path, which JSON may write with six bytes for one, and a detail; and which of two facts is asked for.
inline constexpr std::size_t k_max_path = 4096;
inline constexpr std::size_t k_max_witness_answer = 64 * 1024;
inline constexpr std::size_t k_max_witness_question = 256;
// What fob-exchange found on its way without a credential: a few numbers and a detail, in JSON's escapes.
inline constexpr std::size_t k_max_probe = 8 * 1024;
// An answer a client reads from the daemon: a token answer, or a status with every profile.
inline constexpr std::size_t k_max_answer = 4 * 1024 * 1024;
// A detail is a sentence or two for a person.
inline constexpr std::size_t k_max_detail = 1024;
// Profile names are file names, unit instance names and parameters at once.
inline constexpr std::size_t k_max_profile_name = 64;
inline constexpr std::size_t k_max_scopes = 64;
inline constexpr std::size_t k_max_scope_length = 256;

// Between two events: often enough that a reader which has gone away is noticed, seldom enough to be no
// burden.
inline constexpr std::chrono::seconds k_heartbeat_interval{20};

// How long an app may ask to wait, and waits unless it says (design.md §4).
inline constexpr std::chrono::seconds k_max_wait{60};
inline constexpr std::chrono::seconds k_default_wait{5};
// min_ttl is in seconds; a day is more than any token of ours lives with sense.
inline constexpr std::chrono::hours k_max_min_ttl{24 * 365};
// The exchanger ends by itself after 30 s (design.md §6); what is still silent after this is killed.
inline constexpr std::chrono::seconds k_exchange_deadline{40};
// What a witness has to read is in memory, but for a program's file that is hashed for the first time.
inline constexpr std::chrono::seconds k_witness_deadline{5};
// A refresh asks with up to three credentials, and may have one promoted in between.
inline constexpr std::chrono::seconds k_refresh_deadline = 4 * k_exchange_deadline;
// The longest Retry-After that is obeyed, and the shortest lifetime that is not nonsense or an attack on our
// timers.
inline constexpr std::chrono::hours k_max_retry_after{1};
inline constexpr std::chrono::hours k_max_lifetime{24 * 366};
// When a credential may have been stored, by the device's own clock: before fob there was none, so that a
// time before is of a clock that nobody had set; and RFC 3339 writes a year with four digits.
inline constexpr std::chrono::sys_seconds k_earliest_stored_at =
    std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};
inline constexpr std::chrono::sys_seconds k_latest_stored_at =
    std::chrono::sys_days{std::chrono::year{9999} / 12 / 31};

}  // namespace fob::wire
