#include "daemon/fleet/refusal.hpp"
#include "daemon/fleet/report.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <string_view>

namespace fob::fleet {
namespace {

using wire::Json;
using Row = std::vector<std::string>;

constexpr std::string_view k_gap = "  ";

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string blanks(width - std::min(width, text.size()), ' ');
  return to_the_right ? blanks + text : text + blanks;
}

// The first `left` columns to the left, the others, which are numbers, to the right.
std::string aligned(const std::vector<Row>& rows, std::size_t left, std::string_view indent) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i)
      line += (i == 0 ? "" : std::string(k_gap)) + padded(row[i], widths[i], i >= left);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string name_of(const std::string& profile, std::uint64_t serial) {
  return profile.empty() ? "a file that is no bundle" : profile + " " + std::to_string(serial);
}

std::string bundle_table(const Report& report) {
  Row head = {"profile", "serial"};
  for (std::size_t i = 0; i < k_outcomes; ++i) head.emplace_back(to_string(static_cast<Outcome>(i)));
  head.emplace_back("silent");
  std::vector<Row> rows = {head};
  for (const auto& bundle : report.bundles) {
    Row row = {bundle.profile.empty() ? "-" : bundle.profile, std::to_string(bundle.serial)};
    for (const std::uint64_t count : bundle.devices) row.push_back(std::to_string(count));
    row.push_back(bundle.silent ? std::to_string(bundle.silent->size()) : "-");
    rows.push_back(std::move(row));
  }
  return aligned(rows, 1, "");
}

// What is known of a trouble, in words: the device's own, or those of its reason.
std::string words_for(const Receipt& receipt) {
  if (!receipt.detail.empty()) return receipt.detail;
  const auto reason = reason_of(receipt.reason);
  return reason ? std::string(traits(*reason).sentence) : std::string();
}

std::string attention_list(const Report& report, std::size_t names) {
  const auto& all = report.attention;
  if (all.empty()) return "";
  std::vector<Row> rows;
  for (std::size_t i = 0; i < std::min(names, all.size()); ++i)
    rows.push_back({all[i].device, name_of(all[i].profile, all[i].serial),
                    std::string(to_string(all[i].outcome)), all[i].reason.empty() ? "-" : all[i].reason,
                    to_text(all[i].time), words_for(all[i])});
  std::string text = "\nneeds attention: " + std::to_string(all.size()) + "\n" + aligned(rows, 6, k_gap);
  if (all.size() > names) text += "  and " + std::to_string(all.size() - names) + " more\n";
  return text;
}

std::string silent_list(const BundleProgress& bundle, std::size_t names) {
  if (!bundle.silent || bundle.silent->empty()) return "";
  const auto& all = *bundle.silent;
  std::string text =
      "\nsilent on " + name_of(bundle.profile, bundle.serial) + ": " + std::to_string(all.size()) + "\n";
  for (std::size_t i = 0; i < std::min(names, all.size()); ++i) text += "  " + all[i] + "\n";
  if (all.size() > names) text += "  and " + std::to_string(all.size() - names) + " more\n";
  return text;
}

}  // namespace

std::string to_table(const Report& report, std::size_t names) {
  if (report.bundles.empty()) return "no receipts\n";
  std::string text = bundle_table(report) + attention_list(report, names);
  for (const auto& bundle : report.bundles) text += silent_list(bundle, names);
  return text;
}

std::string to_json(const Report& report) {
  Json bundles = Json::array();
  for (const auto& bundle : report.bundles) {
    Json item = {{"profile", bundle.profile}, {"serial", bundle.serial}};
    for (std::size_t i = 0; i < k_outcomes; ++i)
      item[std::string(to_string(static_cast<Outcome>(i)))] = bundle.devices.at(i);
    item["silent"] = bundle.silent ? Json(*bundle.silent) : Json(nullptr);
    bundles.push_back(std::move(item));
  }
  Json attention = Json::array();
  for (const Receipt& receipt : report.attention)
    attention.push_back({{"device", receipt.device},
                         {"profile", receipt.profile},
                         {"serial", receipt.serial},
                         {"outcome", to_string(receipt.outcome)},
                         {"reason", receipt.reason},
                         {"detail", words_for(receipt)},
                         {"time", to_text(receipt.time)},
                         {"version", receipt.version},
                         {"bundle", receipt.bundle}});
  return wire::dump({{"receipts", report.receipts},
                     {"bundles", std::move(bundles)},
                     {"attention", std::move(attention)}}) +
         "\n";
}

}  // namespace fob::fleet
