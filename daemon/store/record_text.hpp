// A record as text: what the stores seal, encrypt or hand to a keyring.
//
//   {"fob_record":1,"profile":"prod-query","counter":2,"bundle_serial":7,
//    "slots":{"current":{"version":2,"stored_at_ms":…,"untested":true,"bundle_serial":7,
//                        "client_id":"…","client_secret":"…"},…},"set_aside":{…}}
//
// It is secret as a whole and never outside of locked or wiped memory. Whoever can write to the store could
// have written it, so it is bounded and parsed with care. Pure.
#pragma once

#include "daemon/store/record.hpp"

#include <cstddef>
#include <string_view>

namespace fob::store {

/// Four of the longest credentials with every character escaped, and room to spare.
inline constexpr std::size_t k_max_record_text = 72 * 1024;

/// Fails with ErrorCode::store where a credential is empty, too long or not of visible ASCII.
Result<SecretBytes> encode_record(const Record& record, std::string_view profile);

/// Fails with store_damaged; the detail is the reason alone, a clause to be put after the record's name.
Result<Record> decode_record(std::string_view text, std::string_view profile);

}  // namespace fob::store
