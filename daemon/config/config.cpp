#include "daemon/config/config.hpp"

#include "daemon/config/options.hpp"

#include <algorithm>

namespace fob::config {
namespace {

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string to_toml(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return toml_string(*text);
  if (const auto* yes = std::get_if<bool>(&value)) return *yes ? "true" : "false";
  std::string list;
  for (const auto& element : std::get<std::vector<std::string>>(value))
    list += (list.empty() ? "" : ", ") + toml_string(element);
  return "[" + list + "]";
}

bool is_empty(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->empty();
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  return list != nullptr && list->empty();
}

// The rest of a meaning is for the reference.
std::string_view first_sentence(std::string_view meaning) {
  return meaning.substr(0, std::min(meaning.find(". "), meaning.size() - 1) + 1);
}

template <class T>
std::string show_table(std::string_view heading, std::span<const Option<T>> options, const T& target) {
  std::string out = std::string(heading) + "\n";
  for (const auto& option : options) {
    const Value value = option.shown(target);
    const std::string line = std::string(option.key) + " = " + (is_empty(value) ? "…" : to_toml(value));
    out += (is_empty(value) ? "# " : "") + line + "   # " + std::string(first_sentence(option.meaning));
    if (is_empty(value) && !option.default_value.empty())
      out += " Left out: " + std::string(option.default_value) + ".";
    out += "\n";
  }
  return out + "\n";
}

}  // namespace

const Profile* Config::find(std::string_view name) const {
  const auto found = profiles.find(std::string(name));
  return found == profiles.end() ? nullptr : &found->second;
}

std::string show(const Config& config) {
  const auto heading = [](const std::string& section, const std::string& name) {
    return "[" + section + "." + (name.find('.') == std::string::npos ? name : toml_string(name)) + "]";
  };
  std::string out = show_table("[daemon]", daemon_options(), config.daemon);
  out += show_table("[fleet]", fleet_options(), config.fleet);
  for (const auto& [name, profile] : config.profiles)
    out += show_table(heading("profile", name), profile_options(), profile);
  for (const auto& grant : config.grants) out += show_table("[[grant]]", grant_options(), grant);
  for (const auto& [name, gateway] : config.gateways)
    out += show_table(heading("gateway", name), gateway_options(), gateway);
  return out;
}

}  // namespace fob::config
