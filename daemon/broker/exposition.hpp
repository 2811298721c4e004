// Writes metrics as Prometheus reads them: OpenMetrics 1.0 text, or the classic text format 0.0.4 that older
// readers and node_exporter's textfile take. One writer for both, so that they say the same: a series has one
// name and the same labels in either. What is a metric's own to say is metrics.hpp's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace fob::broker {

enum class Exposed : std::uint8_t { classic, openmetrics };

/// What a scraper asks for: OpenMetrics only where its Accept names it.
Exposed exposed_for(std::string_view accept);
const char* content_type(Exposed format);

enum class MetricType : std::uint8_t { gauge, counter, info, histogram };

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Exposition(Exposed format) : format_(format) {}

  /// The samples that follow are this family's. `name` is without `_total`, `_info` and the like; it ends in
  /// `_` and the unit where it has one. `help` holds neither a line break nor a quotation mark nor a
  /// backslash.
  void family(std::string_view name, MetricType type, std::string_view unit, std::string_view help);
  /// A sample of a gauge, a counter, or an info (which is 1).
  void sample(Labels labels, std::int64_t value);
  void sample(Labels labels, double value);
  /// A part of a histogram: `suffix` is `_bucket`, `_count` or `_sum`.
  void part(std::string_view suffix, Labels labels, std::string_view value);

  std::string finish() &&;

 private:
  std::string sample_name() const;
  void line(std::string_view name, Labels labels, std::string_view value);

  Exposed format_;
  std::string text_;
  std::string family_;
  MetricType type_ = MetricType::gauge;
};

/// The shortest text that reads back as this number, with a point or an exponent in it ("1.0", "0.05"): both
/// formats and every reader then write a bucket's bound alike.
std::string number_text(double number);

}  // namespace fob::broker
