#include "ipc/wire/probe_line.hpp"

#include <gtest/gtest.h>

namespace fob::wire {
namespace {

using namespace std::chrono_literals;

Probe whole() {
  Probe probe;
  probe.status = 405;
  probe.authority_time = std::chrono::sys_seconds(1'790'000'000s);
  probe.clock_skew = -1500ms;
  probe.trusted_until = std::chrono::sys_seconds(1'800'000'000s);
  return probe;
}

TEST(ProbeLine, ComesBackAsItWas) {
  EXPECT_EQ(*decode_probe(encode(whole())), whole());
  for (const auto step :
       {ProbeStep::configuration, ProbeStep::proxy, ProbeStep::dns, ProbeStep::connection,
        ProbeStep::certificate_ended, ProbeStep::certificate_untrusted, ProbeStep::tls, ProbeStep::http}) {
    Probe failed;
    failed.failure = {step, ErrorCode::tls, "so it is"};
    EXPECT_EQ(*decode_probe(encode(failed)), failed);
  }
}

TEST(ProbeLine, RefusesWhatIsNoProbe) {
  for (const std::string line :
       {"", "{}", "[]", R"({"v":2,"ok":true})", R"({"v":1})", R"({"v":1,"ok":1})", R"({"v":1,"ok":false})",
        R"({"v":1,"ok":false,"step":"tls","kind":"odd"})", R"({"v":1,"ok":false,"step":"odd","kind":"tls"})"})
    EXPECT_FALSE(decode_probe(line)) << line;
  EXPECT_FALSE(decode_probe(R"({"v":1,"ok":true,"x":")" + std::string(9000, 'x') + R"("})"));
}

TEST(ProbeLine, DropsNumbersThatMeanNothing) {
  const auto probe = decode_probe(
      R"({"v":1,"ok":true,"status":99,"authority_time":-1,"clock_skew_ms":1.5,"trusted_until":253402300800})");
  ASSERT_TRUE(probe);
  EXPECT_EQ(*probe, Probe{});
}

}  // namespace
}  // namespace fob::wire
