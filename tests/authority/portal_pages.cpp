#include "tests/authority/portal_pages.hpp"

#include "ipc/wire/json.hpp"
#include "tests/authority/html.hpp"
#include "tests/authority/portal_assets.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace fob::authority {
namespace {

struct Scope {
  std::string_view value;
  std::string_view label;
  std::string_view meaning;
};

// The vendor's three, in its order and words.
constexpr std::array k_offered_scopes = {
    Scope{"query", "Query", "read, and localize against maps"},
    Scope{"write", "Write", "create and update maps, map sets and object data"},
    Scope{"delete", "Delete", "remove account data"},
};

Html link(std::string_view path, std::string_view text, bool is_current) {
  const Html current = is_current ? Html::of(" aria-current=\"page\"") : Html();
  return Html::of("<li><a href=\"{}\"{}>{}</a></li>\n", path, current, text);
}

/// A whole document; `here` is the path of the section it belongs to.
std::string page(std::string_view title, std::string_view here, const Html& main) {
  constexpr std::string_view k_credentials = "/portal";
  constexpr std::string_view k_domains = "/portal/domains";
  return Html::of(
             R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{} – Sandbox developer portal</title>
<link rel="stylesheet" href="{}">
</head>
<body>
<header>
<p class="warning"><strong>This is a sandbox on this machine.</strong> Never for production, never with real credentials.</p>
<nav aria-label="Portal">
<span class="site">Developer portal</span>
<ul>
{}{}</ul>
</nav>
</header>
<main>
<h1>{}</h1>
{}</main>
</body>
</html>
)",
             title, k_style_path, link(k_credentials, "Credentials", here == k_credentials),
             link(k_domains, "Allowed domains", here == k_domains), title, main)
      .text();
}

/// Told to whoever cannot see it too.
Html notice_of(std::string_view notice) {
  return notice.empty() ? Html() : Html::of("<p class=\"notice\" role=\"status\">{}</p>\n", notice);
}
Html error_of(std::string_view error) {
  return error.empty() ? Html() : Html::of("<p class=\"error\" role=\"alert\" id=\"error\">{}</p>\n", error);
}
/// Ties an input to its hint, and to the error beside it if there is one.
Html described_by(std::string_view hint, std::string_view error) {
  return Html::of(" aria-describedby=\"{}{}\"", error.empty() ? "" : "error ", hint);
}

std::string labels_of(const std::vector<std::string>& scopes) {
  std::string text;
  for (const auto& scope : k_offered_scopes)
    if (std::find(scopes.begin(), scopes.end(), scope.value) != scopes.end())
      text += (text.empty() ? "" : ", ") + std::string(scope.label);
  return text;
}

Html time_of(const std::optional<WallTime>& time) {
  if (!time) return "Never";
  const auto text = to_rfc3339(*time);
  return Html::of("<time datetime=\"{}\">{} {} UTC</time>", text, text.substr(0, 10), text.substr(11, 8));
}

Html row_of(const Credential& credential) {
  const auto& id = credential.client_id;
  // Each row has the same buttons: what they are for is in their description.
  return Html::of(R"(<tr>
<th scope="row" id="name-{}"><bdi>{}</bdi></th>
<td><code>{}</code></td>
<td>{}</td>
<td>{}</td>
<td>{}</td>
<td>{}</td>
<td><div class="actions">
<form method="post" action="/portal/credentials/{}/{}"><button type="submit" aria-describedby="name-{}">{}</button></form>
<form method="get" action="/portal/credentials/{}/delete"><button type="submit" class="danger" aria-describedby="name-{}">Delete</button></form>
</div></td>
</tr>
)",
                  id, credential.name, id, labels_of(credential.scopes), time_of(credential.created),
                  time_of(credential.last_used),
                  credential.active ? Html("Active") : Html::of("<span class=\"off\">Deactivated</span>"), id,
                  credential.active ? "deactivate" : "activate", id,
                  credential.active ? "Deactivate" : "Activate", id, id);
}

Html table_of(const std::vector<Credential>& credentials) {
  Html rows;
  for (const auto& credential : credentials) rows += row_of(credential);
  return Html::of(R"(<div class="scroll" role="region" aria-labelledby="caption" tabindex="0">
<table>
<caption id="caption">The credentials of this account. A secret is not among them: it is shown once, when it is created.</caption>
<thead>
<tr><th scope="col">Name</th><th scope="col">Client ID</th><th scope="col">Scopes</th><th scope="col">Created</th>
<th scope="col">Last used</th><th scope="col">State</th><th scope="col">Actions</th></tr>
</thead>
<tbody>
{}</tbody>
</table>
</div>
)",
                  rows);
}

Html choice_of(const Scope& scope, const std::vector<std::string>& chosen) {
  const bool is_chosen = std::find(chosen.begin(), chosen.end(), scope.value) != chosen.end();
  return Html::of(
      R"(<div><input type="checkbox" name="scopes" id="scope-{}" value="{}" aria-describedby="meaning-{}"{}>
<label for="scope-{}">{}</label> <span id="meaning-{}">({})</span></div>
)",
      scope.value, scope.value, scope.value, is_chosen ? Html::of(" checked") : Html(), scope.value,
      scope.label, scope.value, scope.meaning);
}

/// A value to take along, and the button that copies it, which the script shows where it works.
Html value_of(std::string_view id, std::string_view label, std::string_view value) {
  return Html::of(R"(<div class="value">
<label for="{}" id="{}-label">{}</label>
<output id="{}">{}</output>
<button type="button" data-copies="{}" aria-describedby="{}-label" hidden>Copy</button>
<span id="{}-copied" role="status"></span>
</div>
)",
                  id, id, label, id, value, id, id, id);
}

std::string data_url_of(const NewCredential& created) {
  const auto text = wire::dump(to_json(created)) + "\n";
  return "data:application/json," + boost::urls::encode(text, boost::urls::unreserved_chars);
}

}  // namespace

std::string file_name_of(std::string_view credential_name) {
  constexpr std::size_t k_max_length = 60;
  std::string name = "credential";
  bool has_gap = true;
  for (const char c : credential_name.substr(0, k_max_length)) {
    const bool is_harmless =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    // A run of anything else is one dash, and none at the end.
    if (is_harmless) (name += has_gap ? "-" : "") += c;
    has_gap = !is_harmless;
  }
  return name + ".json";
}

std::string credentials_page(const std::vector<Credential>& credentials, std::string_view notice) {
  const Html list =
      credentials.empty() ? Html::of("<p>There are no credentials yet.</p>\n") : table_of(credentials);
  return page(
      "Credentials", "/portal",
      Html::of("{}<p><a class=\"button main\" href=\"/portal/credentials/new\">Create New</a></p>\n{}",
               notice_of(notice), list));
}

std::string create_page(const CredentialDraft& draft) {
  Html choices;
  for (const auto& scope : k_offered_scopes) choices += choice_of(scope, draft.scopes);
  return page("Create a credential", "/portal",
              Html::of(R"(<form class="card" method="post" action="/portal/credentials">
{}<label for="name">Name</label>
<p class="hint" id="name-hint">What you will know it by, such as the device and the environment.</p>
<input type="text" id="name" name="name" value="{}" autocomplete="off" aria-required="true"{}>
<fieldset{}>
<legend>Scopes</legend>
<p class="hint" id="scopes-hint">What its tokens may do. They cannot be changed later: choose no more than is needed.</p>
{}</fieldset>
<div class="actions">
<button type="submit" class="main">Create</button>
<a class="button" href="/portal">Cancel</a>
</div>
</form>
)",
                       error_of(draft.error), draft.name, described_by("name-hint", draft.error),
                       described_by("scopes-hint", draft.error), choices));
}

std::string created_page(const NewCredential& created) {
  const auto& name = created.credential.name;
  return page("Credential created", "/portal",
              Html::of(R"(<div class="card">
<p>“<bdi>{}</bdi>” may be used for: {}. <strong>Its secret is shown this once and cannot be shown again:</strong>
copy or download it now.</p>
{}{}<p><a class="button main" download="{}" href="{}">Download</a></p>
<p class="hint">The file is what <code>fob credential add PROFILE --file {}</code> takes. Once it is added, delete the file.</p>
<div class="actions"><a href="/portal">Back to the credentials</a></div>
</div>
<script src="{}"></script>
)",
                       name, labels_of(created.credential.scopes),
                       value_of("client-id", "Client ID", created.credential.client_id),
                       value_of("client-secret", "Client secret", created.secret.reveal()),
                       file_name_of(name), data_url_of(created), file_name_of(name), k_script_path));
}

std::string gone_page() {
  return page("The secret is gone", "/portal", Html::of(R"(<div class="card">
<p>A client secret is shown once, right after its credential was created, and cannot be shown again: nothing but a hash
of it was kept.</p>
<p>If you have not saved it, delete that credential and create a new one.</p>
<div class="actions">
<a class="button main" href="/portal/credentials/new">Create New</a>
<a class="button" href="/portal">Back to the credentials</a>
</div>
</div>
)"));
}

std::string delete_page(const Credential& credential) {
  return page("Delete this credential?", "/portal",
              Html::of(R"(<form class="card" method="post" action="/portal/credentials/{}/delete">
<p>“<bdi>{}</bdi>”, client ID <code>{}</code>, will be deleted for good.</p>
<p>It gets no new tokens from then on. Tokens that it already has stay valid until they expire.</p>
<div class="actions">
<button type="submit" class="main danger">Delete</button>
<a class="button" href="/portal">Cancel</a>
</div>
</form>
)",
                       credential.client_id, credential.name, credential.client_id));
}

std::string domains_page(const DomainsDraft& draft) {
  // HTML drops a line break right behind <textarea>: one is always there, so that it is never the text's own.
  return page("Allowed domains", "/portal/domains",
              Html::of(R"({}<form class="card" method="post" action="/portal/domains">
<p>Web pages of these origins may call the API (CORS). A page of any other origin is refused; apps that are not web pages
need nothing here.</p>
{}<label for="domains">Allowed domains, one origin per line</label>
<p class="hint" id="domains-hint">Scheme and host, and a port if it has one: <code>https://app.example</code>,
<code>http://localhost:8080</code>. No path and no slash at the end. Empty: no page may.</p>
<textarea id="domains" name="domains" rows="6" spellcheck="false" autocapitalize="none"{}>
{}</textarea>
<div class="actions"><button type="submit" class="main">Save</button></div>
</form>
)",
                       notice_of(draft.notice), error_of(draft.error),
                       described_by("domains-hint", draft.error), draft.lines));
}

std::string message_page(std::string_view title, std::string_view text) {
  return page(title, "",
              Html::of("<p>{}</p>\n<p><a href=\"/portal\">Back to the credentials</a></p>\n", text));
}

}  // namespace fob::authority
