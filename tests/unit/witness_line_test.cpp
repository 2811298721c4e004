// What fobd and the witness say to each other: it comes back as it went, and each side refuses the rest.
#include "ipc/wire/witness_line.hpp"

#include "ipc/wire/limits.hpp"

#include <gtest/gtest.h>

namespace fob::wire {
namespace {

const std::string k_hash(64, 'a');

TEST(WitnessLine, AQuestionComesBackAsItWent) {
  EXPECT_EQ(encode(WitnessQuestion{true, false}), R"({"v":1,"want":["exe"]})");
  for (const auto& question :
       {WitnessQuestion{true, false}, WitnessQuestion{false, true}, WitnessQuestion{true, true}})
    EXPECT_EQ(decode_witness_question(encode(question)).value(), question);
}

TEST(WitnessLine, RefusesEveryWrongQuestion) {
  for (const auto* bad : {"", "[]", R"({"v":2,"want":["exe"]})", R"({"v":1})", R"({"v":1,"want":"exe"})",
                          R"({"v":1,"want":[]})", R"({"v":1,"want":["exe","exe"]})",
                          R"({"v":1,"want":["exe_sha256","exe_sha256"]})", R"({"v":1,"want":["cwd"]})",
                          R"({"v":1,"want":[1]})", R"({"v":1,"want":["exe"],"pid":1})"}) {
    const auto question = decode_witness_question(bad);
    ASSERT_FALSE(question) << bad;
    EXPECT_EQ(question.error().code, ErrorCode::bad_request) << bad;
  }
  const std::string padded = R"({"v":1,"want":["exe"]})" + std::string(k_max_witness_question, ' ');
  EXPECT_FALSE(decode_witness_question(padded)) << "too long";
}

TEST(WitnessLine, AnAnswerComesBackAsItWent) {
  const Testimony path{"/usr/bin/app", ""}, hash{k_hash, ""}, gone{std::nullopt, "the process has ended"};
  for (const auto& answer :
       {WitnessAnswer{path, std::nullopt}, WitnessAnswer{std::nullopt, hash}, WitnessAnswer{path, gone},
        WitnessAnswer{gone, hash}, WitnessAnswer{gone, gone}, WitnessAnswer{}})
    EXPECT_EQ(decode_witness_answer(encode(answer)).value(), answer) << encode(answer);
}

TEST(WitnessLine, AReasonIsMadeFitToBeShown) {
  const auto answer = decode_witness_answer(R"({"v":1,"unknown":{"exe":"a\u001bb"}})");
  EXPECT_EQ(answer.value().exe->why_unknown, "a b");
}

TEST(WitnessLine, RefusesEveryWrongAnswer) {
  for (const auto& bad : {
           std::string(),
           std::string(R"({"v":2,"exe":"/a"})"),
           std::string(R"({"v":1,"exe":"/a","uid":0})"),
           std::string(R"({"v":1,"exe":1})"),
           std::string(R"({"v":1,"exe":""})"),
           std::string(R"({"v":1,"exe":"bin/app"})"),
           std::string(R"({"v":1,"exe":"/a\nb"})"),
           std::string(R"({"v":1,"exe":"/a\u007f"})"),
           R"({"v":1,"exe":"/)" + std::string(k_max_path, 'x') + R"("})",
           std::string(R"({"v":1,"exe_sha256":"aa"})"),
           R"({"v":1,"exe_sha256":")" + std::string(64, 'A') + R"("})",
           R"({"v":1,"exe_sha256":")" + std::string(65, 'a') + R"("})",
           std::string(R"({"v":1,"unknown":"all"})"),
           std::string(R"({"v":1,"unknown":{"cwd":"no"}})"),
           std::string(R"({"v":1,"unknown":{"exe":""}})"),
           std::string(R"({"v":1,"unknown":{"exe":1}})"),
           std::string(R"({"v":1,"unknown":{"exe_sha256":null}})"),
           std::string(R"({"v":1,"exe":"/a","unknown":{"exe":"why"}})"),
       }) {
    const auto answer = decode_witness_answer(bad);
    ASSERT_FALSE(answer) << bad;
    EXPECT_EQ(answer.error().code, ErrorCode::bad_answer) << bad;
  }
}

TEST(WitnessLine, APathIsPlainOnlyIfItSurvivesBeingWritten) {
  EXPECT_TRUE(is_plain_path("/usr/bin/a b \xc3\xa4"));
  EXPECT_TRUE(is_plain_path("/" + std::string(k_max_path - 1, 'x')));
  for (const std::string bad : {"", "usr", "/a\x01", "/a\x7f", "/\xff"})
    EXPECT_FALSE(is_plain_path(bad)) << bad;
}

}  // namespace
}  // namespace fob::wire
