#include "daemon/store/credential_form.hpp"

#include "ipc/wire/limits.hpp"

#include <boost/url/grammar/string_token.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace fob::store {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view k_blanks = " \t\r\n\v\f";

Error refuse(std::string_view what) {
  return fail(ErrorCode::bad_request,
              std::string(what) +
                  "; expected is the file downloaded from the portal: JSON with clientId and clientSecret, "
                  "CLIENT_ID=… and CLIENT_SECRET=… lines, or ID:SECRET");
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(k_blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(k_blanks) - first + 1);
}

// Without blanks around it, and without the quotes around it if they stand nowhere else.
std::string_view bare(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'') || text.back() != text.front())
    return text;
  const auto inside = text.substr(1, text.size() - 2);
  return inside.find(text.front()) == std::string_view::npos ? trimmed(inside) : text;
}

bool is_utf8_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || lead == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    i += length;
  }
  return true;
}

enum class Key : std::uint8_t { client_id, client_secret };

// Which of the two a name means, however it is cased and joined: clientId, CLIENT_ID, "Client secret".
std::optional<Key> key_of(std::string_view name) {
  WipingString plain = on_heap("");
  for (const char c : bare(name).substr(0, 64)) {
    if (c == '_' || c == '-' || c == ' ' || c == '.') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (plain == "clientid" || plain == "multisetclientid") return Key::client_id;
  if (plain == "clientsecret" || plain == "multisetclientsecret") return Key::client_secret;
  return std::nullopt;
}

// The two values of a form that names them, and what was odd about it.
class Named {
 public:
  void take(Key key, std::string_view value) {
    auto& place = values_[static_cast<std::size_t>(key)];
    if (place) twice_ = true;
    place = on_heap(value);
  }
  void take_other_than_text() { other_than_text_ = true; }
  bool any() const { return values_[0].has_value() || values_[1].has_value(); }

  Result<Credential> credential() const {
    const auto& [id, secret] = values_;
    if (twice_) return refuse("the client id or the client secret stands there twice");
    if (other_than_text_) return refuse("the client id or the client secret is not a text");
    if (!id && !secret) return refuse("neither a client id nor a client secret is named in it");
    if (!id) return refuse("there is a client secret but no client id");
    if (!secret) return refuse("there is a client id but no client secret");
    return make_credential(*id, *secret);
  }

 private:
  std::array<std::optional<WipingString>, 2> values_;
  bool twice_ = false;
  bool other_than_text_ = false;
};

// Collects from the parser's events, so that a member named twice is seen and nothing deep is looked at.
class JsonWatch {
 public:
  explicit JsonWatch(Named& named) : named_(named) {}

  bool operator()(int depth, WipingJson::parse_event_t event, const WipingJson& value) {
    using Event = WipingJson::parse_event_t;
    constexpr int k_one_level_deep = 2;
    if (event == Event::key) {
      const auto& name = value.get_ref<const WipingString&>();
      pending_ = depth <= k_one_level_deep ? key_of({name.data(), name.size()}) : std::nullopt;
    } else if (pending_) {
      const Key key = *std::exchange(pending_, std::nullopt);
      if (event == Event::value && value.is_string()) {
        const auto& text = value.get_ref<const WipingString&>();
        named_.take(key, {text.data(), text.size()});
      } else if (event != Event::value || !value.is_null()) {
        named_.take_other_than_text();
      }
    }
    too_deep_ = too_deep_ || depth > wire::k_max_json_depth;
    return !too_deep_;
  }
  bool too_deep() const { return too_deep_; }

 private:
  Named& named_;
  std::optional<Key> pending_;
  bool too_deep_ = false;
};

Result<Credential> from_json(std::string_view text) {
  Named named;
  JsonWatch watch(named);
  const auto callback = [&watch](int depth, WipingJson::parse_event_t event, WipingJson& value) {
    return watch(depth, event, value);
  };
  const bool whole = !WipingJson::parse(text, callback, false).is_discarded();
  if (watch.too_deep()) return refuse("this JSON nests too deep");
  if (!whole) return refuse("this begins like JSON but is not whole");
  return named.credential();
}

Result<Credential> from_url(std::string_view text, std::string_view looks_like) {
  const auto url = boost::urls::parse_uri_reference(boost::core::string_view(text.data(), text.size()));
  if (!url) return refuse("this looks like a " + std::string(looks_like) + " but is not well-formed");
  Named named;
  for (const auto& parameter : url->encoded_params()) {
    WipingString name = on_heap(""), value = on_heap("");
    parameter.key.decode({}, boost::urls::string_token::append_to(name));
    // A '+' stays one: neither value can hold a blank, which is what else it could mean.
    parameter.value.decode({}, boost::urls::string_token::append_to(value));
    if (const auto key = key_of({name.data(), name.size()})) named.take(*key, {value.data(), value.size()});
  }
  return named.credential();
}

// As the query of a URL, since boost::urls::parse_query() of 1.81 reads beyond what it is given.
Result<Credential> from_query(std::string_view query) {
  // What stands behind a '#' would be a fragment, and the value before it cut short.
  if (query.find('#') != std::string_view::npos)
    return refuse("this looks like a query string but is not well-formed");
  WipingString url = on_heap("?");
  url.append(query);
  return from_url(url, "query string");
}

// Every line that is neither blank nor a comment.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("\r\n"), text.size());
    const auto line = trimmed(text.substr(0, end));
    if (!line.empty() && line.front() != '#') visit(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// What stands behind a key: up to the closing quote, or up to a comment.
std::string_view value_in(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
    const auto closing = text.find(text.front(), 1);
    if (closing != std::string_view::npos) return text.substr(1, closing - 1);
  }
  return trimmed(text.substr(0, std::min(text.find(" #"), text.find("\t#"))));
}

Named from_lines(std::string_view text) {
  Named named;
  for_each_line(text, [&](std::string_view line) {
    constexpr auto k_export = "export "sv;
    if (line.starts_with(k_export)) line.remove_prefix(k_export.size());
    const auto separator = line.find_first_of("=:");
    if (separator == std::string_view::npos) return;
    if (const auto key = key_of(line.substr(0, separator)))
      named.take(*key, value_in(line.substr(separator + 1)));
  });
  return named;
}

Result<Credential> from_pair(std::string_view text) {
  std::array<std::string_view, 2> halves;
  std::size_t lines = 0;
  for_each_line(text, [&](std::string_view line) {
    if (lines < 2) halves[lines] = line;
    ++lines;
  });
  // Two lines with separators of their own may be two credentials, or a table under its heading.
  if (lines > 2 || (lines == 2 && halves[0].find_first_of(":,") != std::string_view::npos))
    return refuse("this holds more than two values, and no names that tell which is which");
  if (lines == 1) {
    const std::string_view line = halves[0];
    const auto separator = line.find_first_of(":,");
    if (separator == std::string_view::npos) return refuse("this holds one value only");
    halves = {line.substr(0, separator), line.substr(separator + 1)};
    if (line[separator] == ',' && halves[1].find(',') != std::string_view::npos)
      return refuse("this holds more than two values, and no names that tell which is which");
  }
  if (key_of(halves[0]) || key_of(halves[1]))
    return refuse("these are the names of the two values, not the values");
  return make_credential(halves[0], halves[1]);
}

Result<void> check_value(std::string_view name, std::string_view value) {
  if (value.empty()) return refuse("the " + std::string(name) + " is empty");
  if (value.size() > k_max_credential_value)
    return refuse("the " + std::string(name) + " is longer than " + std::to_string(k_max_credential_value) +
                  " bytes");
  // The characters that RFC 6749 (appendix A) allows, without the blank: one inside is a slip of the mouse.
  const bool visible = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!visible)
    return refuse("the " + std::string(name) +
                  " holds blanks, control characters or letters beyond ASCII, which none has");
  return {};
}

}  // namespace

Result<Credential> make_credential(std::string_view client_id, std::string_view secret) {
  client_id = bare(client_id);
  secret = bare(secret);
  if (auto checked = check_value("client id", client_id); !checked) return checked.error();
  if (auto checked = check_value("client secret", secret); !checked) return checked.error();
  return Credential{std::string(client_id), SecretBytes::copy_of(secret)};
}

Result<Credential> parse_credential(std::string_view text) {
  constexpr auto k_byte_order_mark = "\xef\xbb\xbf"sv;
  if (text.size() > k_max_credential_form)
    return refuse("this is larger than " + std::to_string(k_max_credential_form / 1024) + " KiB");
  if (text.starts_with(k_byte_order_mark)) text.remove_prefix(k_byte_order_mark.size());
  if (!is_utf8_text(text)) return refuse("this is not text in UTF-8");
  text = bare(text);
  if (text.empty()) return refuse("this is empty");

  if (text.front() == '{' || text.front() == '[') return from_json(text);
  const bool one_line = text.find_first_of("\r\n") == std::string_view::npos;
  if (one_line && text.find("://") < text.find('=')) return from_url(text, "URL");
  if (one_line && text.front() == '?') return from_query(text.substr(1));
  const bool has_parameters = text.find('&') != std::string_view::npos;
  if (one_line && has_parameters && text[text.find_first_of("=&:,")] == '=') return from_query(text);
  if (const Named named = from_lines(text); named.any()) return named.credential();
  return from_pair(text);
}

}  // namespace fob::store
