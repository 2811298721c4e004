#include "daemon/broker/status_line.hpp"

#include <gtest/gtest.h>

namespace fob::broker {
namespace {

ProfileSample well(std::string profile) {
  ProfileSample sample{std::move(profile), {}};
  sample.status.token = std::make_shared<core::Token>();
  return sample;
}

ProfileSample failing(std::string profile, ErrorCode code, std::string detail) {
  ProfileSample sample{std::move(profile), {}};
  sample.status.failing = true;
  sample.status.last_failure = core::Failure{code, std::move(detail), std::nullopt};
  return sample;
}

TEST(StatusLine, SaysHowEachProfileIs) {
  EXPECT_EQ(status_line({well("prod-query"), well("staging")}), "prod-query: valid; staging: valid");
}

TEST(StatusLine, SaysFirstWhatIsMissingAndWhatToDo) {
  EXPECT_EQ(status_line({well("a"), failing("b", ErrorCode::no_credential, "run: fob credential add b")}),
            "b: none (no-credential: run: fob credential add b); a: valid");
}

TEST(StatusLine, OfAFailingProfileWithATokenSaysBoth) {
  auto sample = failing("a", ErrorCode::unreachable, "no route");
  sample.status.token = std::make_shared<core::Token>();
  EXPECT_EQ(status_line({sample}), "a: valid (unreachable: no route)");
}

TEST(StatusLine, WithoutAProfileSaysWhereToAddOne) {
  EXPECT_NE(status_line({}).find("no profile is configured"), std::string::npos);
}

}  // namespace
}  // namespace fob::broker
