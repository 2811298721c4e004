#include "ipc/wire/token_page.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace fob::wire {
namespace {

using std::chrono::nanoseconds;

class TokenPageTest : public testing::Test {
 protected:
  TokenPageTest() { begin_page(*page_, 0x1234567890abcdef); }

  PageEntry valid() const {
    PageEntry entry;
    entry.state = PageState::valid;
    entry.published = nanoseconds(11);
    entry.deadline = nanoseconds(22);
    entry.lifetime = nanoseconds(33);
    entry.fingerprint = {'e', 'b', '3', 'b', '2', 'a', '9', '4'};
    return entry;
  }

  std::string read() {
    std::string token(k_max_token, '\0');
    EXPECT_TRUE(read_entry(*page_, entry_) && read_token(*page_, entry_, token));
    token.resize(entry_.length);
    return token;
  }

  std::unique_ptr<TokenPage> page_ = std::make_unique<TokenPage>();
  PageEntry entry_;
};

TEST_F(TokenPageTest, BeginsEmptyWithItsNameAtTheStart) {
  EXPECT_EQ(std::string_view(page_->magic.data(), page_->magic.size()), "fobpage1");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(entry_.state, PageState::empty);
  EXPECT_EQ(changes_of(*page_), 0U);
}

TEST_F(TokenPageTest, GivesBackWhatWasWrittenOfEveryLength) {
  for (std::size_t length = 1; length <= 40; ++length) {
    const std::string token = std::string("abcdefghijklmnopqrstuvwxyz0123456789-._~").substr(0, length);
    write_page(*page_, valid(), token);
    EXPECT_EQ(read(), token);
  }
  EXPECT_EQ(entry_.state, PageState::valid);
  EXPECT_EQ(entry_.published, nanoseconds(11));
  EXPECT_EQ(entry_.deadline, nanoseconds(22));
  EXPECT_EQ(entry_.lifetime, nanoseconds(33));
  EXPECT_EQ(std::string(entry_.fingerprint.data(), 8), "eb3b2a94");
  EXPECT_EQ(changes_of(*page_), 40U);
}

TEST_F(TokenPageTest, HoldsTheLongestTokenThereIs) {
  const std::string longest(k_max_token, 'x');
  write_page(*page_, valid(), longest);
  EXPECT_EQ(read(), longest);
}

TEST_F(TokenPageTest, LeavesNothingOfALongerTokenBehindAShorterOne) {
  write_page(*page_, valid(), std::string(100, 's'));
  write_page(*page_, valid(), "abc");
  write_page(*page_, {}, "");
  for (const std::uint64_t word : page_->token) ASSERT_EQ(word, 0U);
  EXPECT_EQ(read(), "");
}

TEST_F(TokenPageTest, GivesNoTokenToAnEntryThatIsOver) {
  write_page(*page_, valid(), "0123456789");
  ASSERT_TRUE(read_entry(*page_, entry_));
  EXPECT_EQ(entry_.length, 10U);
  write_page(*page_, valid(), "9876543210");
  std::string token(10, '.');
  EXPECT_FALSE(read_token(*page_, entry_, token));
  EXPECT_EQ(read(), "9876543210");
}

TEST_F(TokenPageTest, WritesNothingBehindTheToken) {
  write_page(*page_, valid(), "0123456789");
  ASSERT_TRUE(read_entry(*page_, entry_));
  std::string token(20, '.');
  EXPECT_TRUE(read_token(*page_, entry_, token));
  EXPECT_EQ(token, "0123456789..........");
}

TEST_F(TokenPageTest, IsUnsettledWhereItsWriterStoppedInTheMidst) {
  write_page(*page_, valid(), "token");
  page_->sequence += 1;
  EXPECT_FALSE(read_entry(*page_, entry_));
}

TEST_F(TokenPageTest, NeverReadsBeyondThePageWhateverItSays) {
  write_page(*page_, valid(), "token");
  page_->length = 0xffffffff;
  EXPECT_EQ(read().size(), k_max_token);
}

TEST_F(TokenPageTest, IsOrphanedOnceTheKernelSaysSo) {
  page_->writer = 4711 | 0x80000000;
  EXPECT_FALSE(is_orphaned(*page_));
  page_->writer = 0x80000000 | 0x40000000;
  EXPECT_TRUE(is_orphaned(*page_));
}

}  // namespace
}  // namespace fob::wire
