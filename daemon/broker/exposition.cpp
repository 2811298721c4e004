#include "daemon/broker/exposition.hpp"

#include <array>
#include <charconv>

namespace fob::broker {
namespace {

constexpr std::string_view k_openmetrics = "application/openmetrics-text";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view type_word(MetricType type, Exposed format) {
  switch (type) {
    case MetricType::gauge:
      return "gauge";
    case MetricType::counter:
      return "counter";
    case MetricType::info:
      return format == Exposed::openmetrics ? "info" : "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "gauge";
}

std::string_view suffix_of(MetricType type) {
  if (type == MetricType::counter) return "_total";
  return type == MetricType::info ? "_info" : "";
}

// As both formats want a label's value.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text;
}

}  // namespace

Exposed exposed_for(std::string_view accept) {
  while (!accept.empty()) {
    const auto range = accept.substr(0, accept.find(','));
    if (trimmed(range.substr(0, range.find(';'))) == k_openmetrics) return Exposed::openmetrics;
    accept.remove_prefix(std::min(range.size() + 1, accept.size()));
  }
  return Exposed::classic;
}

const char* content_type(Exposed format) {
  return format == Exposed::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  std::string written(text.data(), end);
  if (written.find_first_not_of("-0123456789") == std::string::npos) written += ".0";
  return written;
}

// The classic format says what a sample is called, OpenMetrics what its family is.
void Exposition::family(std::string_view name, MetricType type, std::string_view unit,
                        std::string_view help) {
  family_ = name;
  type_ = type;
  const std::string described = format_ == Exposed::openmetrics ? family_ : sample_name();
  text_.append("# HELP ").append(described).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(described).append(" ").append(type_word(type, format_)).append("\n");
  if (format_ == Exposed::openmetrics && !unit.empty())
    text_.append("# UNIT ").append(described).append(" ").append(unit).append("\n");
}

void Exposition::sample(Labels labels, std::int64_t value) {
  line(sample_name(), labels, std::to_string(value));
}

void Exposition::sample(Labels labels, double value) { line(sample_name(), labels, number_text(value)); }

void Exposition::part(std::string_view suffix, Labels labels, std::string_view value) {
  line(family_ + std::string(suffix), labels, value);
}

std::string Exposition::finish() && {
  if (format_ == Exposed::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

std::string Exposition::sample_name() const { return family_ + std::string(suffix_of(type_)); }

void Exposition::line(std::string_view name, Labels labels, std::string_view value) {
  text_ += name;
  char before = '{';
  for (const auto& [label, is] : labels) {
    text_.append(1, before).append(label).append("=\"").append(escaped(is)).append("\"");
    before = ',';
  }
  if (labels.size() > 0) text_ += '}';
  text_.append(" ").append(value).append("\n");
}

}  // namespace fob::broker
