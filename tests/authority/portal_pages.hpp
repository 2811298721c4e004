// The pages of the developer portal: each a function from what is to be shown to its HTML, without a request
// or an account. They need no script; what a name or an input holds is hostile and escaped (html.hpp).
#pragma once

#include "tests/authority/credentials.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fob::authority {

/// What stands in the form for a new credential; `error` is why it was not created, if it was not.
struct CredentialDraft {
  std::string name;
  std::vector<std::string> scopes;
  std::string error;
};

/// What stands in the form of the allowed domains, one a line.
struct DomainsDraft {
  std::string lines;
  std::string error;
  std::string_view notice;
};

/// `notice` tells what was just done; "" if nothing was.
std::string credentials_page(const std::vector<Credential>& credentials, std::string_view notice);
std::string create_page(const CredentialDraft& draft);
/// The one page with a secret. Its download is in the page itself, so that nothing is kept for it here.
std::string created_page(const NewCredential& created);
/// Instead of created_page(), once it was shown.
std::string gone_page();
std::string delete_page(const Credential& credential);
std::string domains_page(const DomainsDraft& draft);
/// For what went wrong: what, and what to do.
std::string message_page(std::string_view title, std::string_view text);

/// The download's name, of harmless characters only, whatever the credential is called.
std::string file_name_of(std::string_view credential_name);

}  // namespace fob::authority
