#include "daemon/cli/command_line.hpp"

#include <CLI/App.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

std::string refusal(const Words& words) {
  const auto line = parse_command_line(words);
  if (line) return "it was taken";
  EXPECT_EQ(line.error().code, ErrorCode::usage);
  return line.error().detail;
}

TEST(CommandLine, KnowsEveryCommand) {
  for (const Words& words : {Words{"credential", "add", "p"},
                             Words{"credential", "add", "p", "-"},
                             Words{"credential", "add", "p", "--file", "f"},
                             Words{"credential", "add", "p", "--file", "-", "--no-trial"},
                             Words{"credential", "rotate", "p", "--file=f"},
                             Words{"credential", "list"},
                             Words{"credential", "list", "--json"},
                             Words{"credential", "rollback", "p"},
                             Words{"credential", "remove", "p"},
                             Words{"credential", "promote", "p"},
                             Words{"credential", "promote", "--asked"},
                             Words{"token"},
                             Words{"token", "p", "--min-ttl", "2.5"},
                             Words{"token", "--json"},
                             Words{"token", "--header"},
                             Words{"exec", "--", "true"},
                             Words{"exec", "p", "--", "curl", "-H", "--help", "--", "x"},
                             Words{"refresh"},
                             Words{"refresh", "p"},
                             Words{"reload"},
                             Words{"status"},
                             Words{"status", "--json"},
                             Words{"config", "check"},
                             Words{"config", "show"},
                             Words{"config", "profiles"},
                             Words{"--help"},
                             Words{"--version"},
                             Words{"token", "--help"}})
    EXPECT_TRUE(parse_command_line(words)) << ::testing::PrintToString(words);
}

TEST(CommandLine, TakesGlobalFlagsBeforeAndBehindTheCommand) {
  const Words flags = {"--config", "c", "--runtime-dir", "r", "--state-dir=s"};
  for (const Words& command : {Words{"token", "p"}, Words{"credential", "list"}, Words{"config", "check"}}) {
    Words before = flags, behind = command;
    before.insert(before.end(), command.begin(), command.end());
    behind.insert(behind.end(), flags.begin(), flags.end());
    for (const Words& words : {before, behind}) {
      const auto line = parse_command_line(words);
      ASSERT_TRUE(line);
      EXPECT_EQ(line->flags.config, "c");
      EXPECT_EQ(line->flags.runtime_dir, "r");
      EXPECT_EQ(line->flags.state_dir, "s");
    }
  }
}

TEST(CommandLine, LeavesTheFlagsOfAProgramToIt) {
  const auto line = parse_command_line({"exec", "--config", "mine", "--", "prog", "--config", "its"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->flags.config, "mine");
}

TEST(CommandLine, TakesAProfileThatIsNamedLikeACommand) {
  EXPECT_TRUE(parse_command_line({"token", "status"}));
  EXPECT_TRUE(parse_command_line({"exec", "token", "--", "true"}));
  EXPECT_TRUE(parse_command_line({"credential", "add", "list"}));
}

TEST(CommandLine, SaysWhatIsMissing) {
  EXPECT_THAT(refusal({}), HasSubstr("fob --help"));
  EXPECT_THAT(refusal({"credential"}), HasSubstr("fob credential --help"));
  EXPECT_THAT(refusal({"credential", "add"}),
              HasSubstr("PROFILE is required; see: fob credential add --help"));
  EXPECT_THAT(refusal({"credential", "promote"}), HasSubstr("PROFILE is required"));
  EXPECT_THAT(refusal({"config"}), HasSubstr("fob config --help"));
  EXPECT_THAT(refusal({"exec", "p"}), HasSubstr("name the program to run behind --"));
  EXPECT_THAT(refusal({"exec", "--"}), HasSubstr("name the program to run behind --"));
  EXPECT_THAT(refusal({"token", "--config"}), HasSubstr("--config"));
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_NE(refusal({"frobnicate"}), "it was taken");
  EXPECT_THAT(refusal({"token", "p", "q"}), HasSubstr("an argument too many"));
  EXPECT_THAT(refusal({"token", "--frob"}), HasSubstr("unknown option --frob; see: fob token --help"));
  EXPECT_THAT(refusal({"exec", "p", "curl"}), HasSubstr("an argument too many"));
  EXPECT_THAT(refusal({"token", "--", "p"}), HasSubstr("only `fob exec` takes --"));
}

TEST(CommandLine, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(refusal({"token", "--json", "--header"}), HasSubstr("excludes"));
  EXPECT_THAT(refusal({"credential", "add", "p", "-", "--file", "f"}), HasSubstr("excludes"));
  EXPECT_THAT(refusal({"credential", "promote", "p", "--asked"}), HasSubstr("excludes"));
}

TEST(CommandLine, RefusesOddLifetimes) {
  for (const std::string odd : {"-1", "abc", "1e99", "nan", "inf", ""})
    EXPECT_THAT(refusal({"token", "--min-ttl=" + odd}), Not(HasSubstr("it was taken"))) << odd;
}

// CLI11 hands a footer on to the commands that are added behind it (docs/traps.md, 44).
TEST(CommandLine, NoCommandEndsItsHelpWithTheStoryOfTheWholeProgram) {
  const auto table = argument_table();
  ASSERT_THAT(table->get_footer(), HasSubstr("Exit status: 0 done"));
  for (const CLI::App* command : table->get_subcommands([](const CLI::App*) { return true; }))
    EXPECT_THAT(command->get_footer(), Not(HasSubstr("Exit status: 0 done"))) << command->get_name();
}

TEST(CommandLine, NeverRepeatsWhatCouldBeASecret) {
  const std::string secret = "b94d27b9934d3e08a52e52d7da7dabfa";
  for (const Words& words :
       {Words{"credential", "add", "p", secret}, Words{"credential", "add", "p", "-", secret},
        Words{"credential", "add", "p", "--secret=" + secret},
        Words{"credential", "add", "p", "--secret", secret},
        Words{"credential", "rotate", "p", "id:" + secret}, Words{"credential", "add", "p", "-x" + secret},
        Words{secret}, Words{"credential", secret}})
    EXPECT_THAT(refusal(words), Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace fob::cli
