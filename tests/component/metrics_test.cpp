// What a scraper reads of fobd: to the byte, in both formats.
#include "daemon/broker/metrics.hpp"

#include "tests/component/broker_fixture.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>

namespace fob::broker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A label of what is in another text's line: the value of `series` in `text`, or "" where it is not there.
std::string value_of(const std::string& text, const std::string& series) {
  const auto at = ("\n" + text).find("\n" + series + " ");
  if (at == std::string::npos) return "";
  const auto from = at + series.size() + 1;
  return text.substr(from, text.find('\n', from) - from);
}

TEST(Exposition, IsOpenMetricsOnlyWhereThatIsAskedFor) {
  for (const auto* accept :
       {"application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain, application/openmetrics-text", "text/plain ,\tapplication/openmetrics-text ;q=0.5"})
    EXPECT_EQ(exposed_for(accept), Exposed::openmetrics) << accept;
  for (const auto* accept :
       {"", "*/*", "text/plain", "application/*", "application/openmetrics-textual",
        "x-application/openmetrics-text", ",,,", "text/plain;application/openmetrics-text"})
    EXPECT_EQ(exposed_for(accept), Exposed::classic) << accept;
}

TEST(Exposition, NamesASampleAndItsFamilyAsEachFormatWants) {
  const auto written = [](Exposed format) {
    Exposition out(format);
    out.family("fob_x", MetricType::counter, "", "How often.");
    out.sample({{"a", "b"}, {"c", "d\"e\\f\ng"}}, std::int64_t(7));
    out.family("fob_build", MetricType::info, "", "Which.");
    out.sample({{"version", "1"}}, std::int64_t(1));
    out.family("fob_y_seconds", MetricType::gauge, "seconds", "How long.");
    out.sample({}, -0.5);
    return std::move(out).finish();
  };
  EXPECT_EQ(written(Exposed::classic), R"(# HELP fob_x_total How often.
# TYPE fob_x_total counter
fob_x_total{a="b",c="d\"e\\f\ng"} 7
# HELP fob_build_info Which.
# TYPE fob_build_info gauge
fob_build_info{version="1"} 1
# HELP fob_y_seconds How long.
# TYPE fob_y_seconds gauge
fob_y_seconds -0.5
)");
  EXPECT_EQ(written(Exposed::openmetrics), R"(# HELP fob_x How often.
# TYPE fob_x counter
fob_x_total{a="b",c="d\"e\\f\ng"} 7
# HELP fob_build Which.
# TYPE fob_build info
fob_build_info{version="1"} 1
# HELP fob_y_seconds How long.
# TYPE fob_y_seconds gauge
# UNIT fob_y_seconds seconds
fob_y_seconds -0.5
# EOF
)");
}

TEST(Exposition, WritesANumberAsItReadsBack) {
  for (const auto& [number, text] : std::map<double, std::string>{
           {0.0, "0.0"}, {1.0, "1.0"}, {0.05, "0.05"}, {30.0, "30.0"}, {-2.5, "-2.5"}, {1e21, "1e+21"}})
    EXPECT_EQ(number_text(number), text);
}

TEST(DurationHistogram, CountsWhatIsOnABoundWithWhatIsBelowIt) {
  DurationHistogram took;
  for (const auto one : {1, 50, 51, 30'000, 31'000, 40'000}) took.add(std::chrono::milliseconds(one));
  EXPECT_EQ(took.counts, (std::array<std::uint64_t, 10>{2, 1, 0, 0, 0, 0, 0, 0, 1, 2}));
  EXPECT_DOUBLE_EQ(took.sum, 101.102);
}

class MetricsTest : public BrokerTest {
 protected:
  std::string scraped(
      Broker& broker, std::string accept = "", Sockets sockets = [] { return std::vector<SocketSample>(); }) {
    handler_ = operator_interface(broker, clock_, {::geteuid(), std::nullopt}, std::move(sockets));
    return scraped_again(std::move(accept));
  }
  std::string scraped_again(std::string accept = "") {
    const auto response = ask(handler_, "GET", "/metrics", "", std::move(accept));
    EXPECT_EQ(response.status, 200);
    type_ = response.content_type;
    return response.body;
  }

  Handler handler_;
  std::string type_;
};

TEST_F(MetricsTest, AreAtTheirTypeAndNamedAlikeInBothFormats) {
  const auto broker = make_broker();
  run((*broker->keeper("p"))->refresh()).value();
  const auto series = [](const std::string& text) {
    std::set<std::string> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (!line.starts_with("#")) all.insert(line.substr(0, line.find(' ')));
    return all;
  };
  const std::string classic = scraped(*broker);
  EXPECT_EQ(type_, "text/plain; version=0.0.4; charset=utf-8");
  const std::string open = scraped_again("application/openmetrics-text; version=1.0.0");
  EXPECT_EQ(type_, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(series(classic), series(open));
  EXPECT_TRUE(open.ends_with("\n# EOF\n"));
  EXPECT_THAT(classic, Not(HasSubstr("# EOF")));
}

TEST_F(MetricsTest, TellOfATokenAndOfItsCredential) {
  lifetime_ = 100s;
  stored_at_ = std::chrono::floor<std::chrono::seconds>(clock_.wall_now()) - 72h;
  skew_ = -1500ms;
  const auto broker = make_broker(std::string(k_config) + "[profile.q]\nrefresh = \"on-demand\"\n");
  run((*broker->keeper("p"))->refresh()).value();
  clock_.advance(40s);
  const std::string text = scraped(*broker);
  EXPECT_EQ(value_of(text, R"(fob_token_valid{profile="p"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_token_expires_in_seconds{profile="p"})"), "60");
  EXPECT_EQ(value_of(text, R"(fob_token_lifetime_seconds{profile="p"})"), "100");
  EXPECT_EQ(value_of(text, R"(fob_credential_version{profile="p"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_credential_age_seconds{profile="p"})"), std::to_string(72 * 3600 + 40));
  EXPECT_EQ(value_of(text, R"(fob_clock_skew_seconds{profile="p"})"), "-1.5");
  EXPECT_EQ(value_of(text, R"(fob_idle{profile="p"})"), "0");
  // Of one that has no token there is less to tell.
  EXPECT_EQ(value_of(text, R"(fob_token_valid{profile="q"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_token_expires_in_seconds{profile="q"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_idle{profile="q"})"), "1");
  for (const auto* name :
       {"fob_token_lifetime_seconds", "fob_credential_version", "fob_credential_age_seconds",
        "fob_clock_skew_seconds", "fob_next_attempt_in_seconds"})
    EXPECT_EQ(value_of(text, std::string(name) + R"({profile="q"})"), "") << name;
}

TEST_F(MetricsTest, TellNoSkewOfAClockThatWasSetSince) {
  skew_ = -8h;
  const auto broker = make_broker();
  run((*broker->keeper("p"))->refresh()).value();
  broker->change(core::Change::clock_set);
  EXPECT_EQ(value_of(scraped(*broker), R"(fob_clock_skew_seconds{profile="p"})"), "");
}

TEST_F(MetricsTest, CountNoOperatorsRefreshAsServed) {
  const auto broker = make_broker();
  run((*broker->keeper("p"))->refresh()).value();
  EXPECT_EQ(value_of(scraped(*broker), R"(fob_served_total{profile="p"})"), "0");
  run((*broker->keeper("p"))->token({}, 0ms)).value();
  EXPECT_EQ(value_of(scraped(*broker), R"(fob_served_total{profile="p"})"), "1");
}

TEST_F(MetricsTest, CallNoCredentialYoungerThanNew) {
  stored_at_ = std::chrono::floor<std::chrono::seconds>(clock_.wall_now()) + 1h;
  const auto broker = make_broker();
  run((*broker->keeper("p"))->refresh()).value();
  EXPECT_EQ(value_of(scraped(*broker), R"(fob_credential_age_seconds{profile="p"})"), "0");
}

TEST_F(MetricsTest, CountEachFailureByItsKindAndSayWhichIsThere) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  run(keeper->refresh()).value();
  for (const auto code : {ErrorCode::unreachable, ErrorCode::unreachable, ErrorCode::clock_wrong}) {
    failure_ = fails(code, "no");
    EXPECT_FALSE(run(keeper->refresh()));
  }
  std::string text = scraped(*broker);
  EXPECT_EQ(value_of(text, R"(fob_exchanges_total{profile="p",result="ok"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_exchanges_total{profile="p",result="failed"})"), "3");
  EXPECT_EQ(value_of(text, R"(fob_exchange_failures_total{profile="p",kind="unreachable"})"), "2");
  EXPECT_EQ(value_of(text, R"(fob_exchange_failures_total{profile="p",kind="clock-wrong"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_exchange_failures_total{profile="p",kind="tls"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_failing{profile="p",kind="clock-wrong"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_failing{profile="p",kind="unreachable"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_exchange_duration_seconds_count{profile="p"})"), "4");
  failure_.reset();
  run(keeper->refresh()).value();
  text = scraped_again();
  EXPECT_EQ(value_of(text, R"(fob_failing{profile="p",kind="clock-wrong"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_exchange_failures_total{profile="p",kind="clock-wrong"})"), "1");
}

TEST_F(MetricsTest, MeasureAnExchangeFromItsBeginningToItsOutcome) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  // The start's own exchange, during which time passes.
  run_until([&] { return exchanges_ == 1; });
  clock_.advance(700ms);
  run_until([&] { return keeper->status().exchanges_ok == 1; });
  const std::string text = scraped(*broker);
  EXPECT_EQ(value_of(text, R"(fob_exchange_duration_seconds_bucket{profile="p",le="0.5"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_exchange_duration_seconds_bucket{profile="p",le="1.0"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_exchange_duration_seconds_bucket{profile="p",le="+Inf"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_exchange_duration_seconds_sum{profile="p"})"), "0.7");
}

TEST_F(MetricsTest, CountWhatBecameOfRejectedTokens) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  const auto reject = [&] { return run(keeper->replace_rejected((*keeper->available())->fingerprint, 1s)); };
  run(keeper->refresh()).value();
  clock_.advance(20s);
  EXPECT_TRUE(reject());
  EXPECT_FALSE(reject()) << "that one is new";
  clock_.advance(20s);
  failure_ = fails(ErrorCode::unreachable, "no");
  EXPECT_FALSE(reject());
  const std::string text = scraped(*broker);
  EXPECT_EQ(value_of(text, R"(fob_rejections_total{profile="p",result="ok"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_rejections_total{profile="p",result="too-soon"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_rejections_total{profile="p",result="failed"})"), "1");
}

TEST_F(MetricsTest, TellWhatTheSocketsHaveToDo) {
  const auto broker = make_broker();
  const auto sockets = [] {
    Traffic apps{.served = 12, .refused = {{"urn:fob:not-granted", 3}}};
    apps.connections = 5;
    apps.event_streams = 2;
    apps.page_readers = 1;
    return std::vector<SocketSample>{{"apps", apps}, {"operators", {.served = 4}}};
  };
  const std::string text = scraped(*broker, "", sockets);
  EXPECT_EQ(value_of(text, R"(fob_requests_total{socket="apps",outcome="served"})"), "12");
  EXPECT_EQ(value_of(text, R"(fob_requests_total{socket="apps",outcome="not-granted"})"), "3");
  EXPECT_EQ(value_of(text, R"(fob_requests_total{socket="apps",outcome="internal"})"), "0");
  EXPECT_EQ(value_of(text, R"(fob_requests_total{socket="operators",outcome="served"})"), "4");
  EXPECT_EQ(value_of(text, R"(fob_connections{socket="apps"})"), "5");
  EXPECT_EQ(value_of(text, R"(fob_event_streams{socket="apps"})"), "2");
  EXPECT_EQ(value_of(text, R"(fob_page_readers{socket="apps"})"), "1");
  EXPECT_EQ(value_of(text, R"(fob_page_readers{socket="operators"})"), "0");
}

TEST_F(MetricsTest, HaveTheSameSeriesWhateverHappens) {
  const auto broker = make_broker();
  const auto count = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  run((*broker->keeper("p"))->refresh()).value();
  const auto apps = app_interface(*broker, clock_);
  const auto before = count(scraped(*broker));
  failure_ = fails(ErrorCode::rejected, "no");
  EXPECT_FALSE(run((*broker->keeper("p"))->refresh()));
  for (int i = 0; i < 50; ++i) ask(apps, "GET", "/v1/token?profile=none-" + std::to_string(i));
  EXPECT_EQ(count(scraped_again()), before);
}

TEST_F(MetricsTest, KeepTheStartWhereItWasUnlessTheClockIsSet) {
  const auto broker = make_broker();
  const std::string start = value_of(scraped(*broker), "fob_start_time_seconds");
  EXPECT_EQ(
      start,
      std::to_string(std::chrono::floor<std::chrono::seconds>(clock_.wall_now()).time_since_epoch().count()));
  clock_.advance(1h);
  clock_.set_wall(clock_.wall_now() - 300ms);
  EXPECT_EQ(value_of(scraped_again(), "fob_start_time_seconds"), start);
  clock_.set_wall(clock_.wall_now() + 24h);
  EXPECT_EQ(std::stoll(value_of(scraped_again(), "fob_start_time_seconds")),
            std::stoll(start) + 24 * 3600 - 1);
}

TEST_F(MetricsTest, AreForOperatorsAlone) {
  const auto broker = make_broker();
  scraped(*broker);
  const transport::Peer stranger{::geteuid() + 1, ::getegid() + 1, 1, {}};
  EXPECT_EQ(ask(handler_, "GET", "/metrics", "", "", stranger).status, 403);
  EXPECT_EQ(ask(app_interface(*broker, clock_), "GET", "/metrics").status, 404);
}

}  // namespace
}  // namespace fob::broker
