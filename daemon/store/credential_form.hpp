// The file a person downloads from the vendor's portal, in whichever form it comes. Which one that is, is
// documented nowhere, so every likely form is read: JSON, a query string or URL, KEY=VALUE lines, or the two
// values and nothing else. The bytes are an operator's, hence honest but of any kind: a picture, a page, the
// wrong file. What is read is wiped on the way, and no error ever shows any of it.
#pragma once

#include "daemon/store/credential_store.hpp"

#include <string_view>

namespace fob::store {

/// The largest file that is looked at. A credential takes some hundred bytes.
inline constexpr std::size_t k_max_credential_form = 64 * 1024;

/// Reads a credential from `text`:
///   {"clientId":"…","clientSecret":"…"}        also client_id/client_secret, one level deep, among others
///   https://…?clientId=…&clientSecret=…        also without what stands before the query
///   MULTISET_CLIENT_ID=… MULTISET_CLIENT_SECRET=…   one a line, also CLIENT_ID… and clientId…, with
///   `export`,
///                                              quotes, comments, `:` for `=`, and other keys beside them
///   ID:SECRET    ID,SECRET    ID and SECRET on a line each
/// A byte order mark, CRLF, and blanks or quotes around values are no hindrance. Fails with bad_request; the
/// detail says what is wrong and what is expected.
Result<Credential> parse_credential(std::string_view text);

/// A credential of two values that came one by one. Fails as parse_credential() does.
Result<Credential> make_credential(std::string_view client_id, std::string_view secret);

}  // namespace fob::store
