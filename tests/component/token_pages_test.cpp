// The pages that apps have mapped: what stands in them is what the profile and its grant say now, and there
// is no more of them than there may be.
#include "daemon/broker/page_writer.hpp"
#include "ipc/wire/token_page.hpp"
#include "tests/component/broker_fixture.hpp"

#include <gmock/gmock.h>

#include <array>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;

// A page as a reader has it.
class Mapped {
 public:
  explicit Mapped(int descriptor)
      : memory_(::mmap(nullptr, sizeof(wire::TokenPage), PROT_READ, MAP_SHARED, descriptor, 0)) {
    EXPECT_NE(memory_, MAP_FAILED);
    struct stat facts {};
    EXPECT_EQ(::fstat(descriptor, &facts), 0);
    inode_ = facts.st_ino;
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { ::munmap(memory_, sizeof(wire::TokenPage)); }

  const wire::TokenPage& page() const { return *static_cast<const wire::TokenPage*>(memory_); }
  wire::PageState state() const {
    wire::PageEntry entry;
    EXPECT_TRUE(wire::read_entry(page(), entry));
    return entry.state;
  }
  std::string token() const {
    wire::PageEntry entry;
    std::string token(wire::k_max_token, '\0');
    EXPECT_TRUE(wire::read_entry(page(), entry) && wire::read_token(page(), entry, token));
    return token.substr(0, entry.length);
  }
  bool is_orphaned() const { return wire::is_orphaned(page()); }
  ino_t inode() const { return inode_; }

 private:
  void* memory_;
  ino_t inode_ = 0;
};

class TokenPagesTest : public BrokerTest {
 protected:
  void begin(const std::string& config = k_config) {
    broker_ = make_broker(config);
    handler_ = app_interface(*broker_, clock_);
    settle();
  }
  void settle() {
    run_until([this] {
      const auto all = broker_->keepers();
      return std::none_of(all.begin(), all.end(), [](const auto& keeper) { return keeper->exchanging(); });
    });
  }
  // Its connection, as it were, for as long as it lives.
  Response page(const std::string& profile = "p", transport::Peer peer = ourselves()) {
    Request request{"GET", "/v1/token/page?profile=" + profile, "", "", std::move(peer)};
    request.upgrade = "FOB-Page/1";
    return run(handler_(std::move(request)));
  }
  static std::unique_ptr<Mapped> map(const Response& response) {
    EXPECT_EQ(response.status, 101) << response.body;
    return response.upgrade ? std::make_unique<Mapped>(response.upgrade->descriptor) : nullptr;
  }
  static std::string grant(uid_t user) {
    return "[[grant]]\nprofiles = [\"p\"]\nuser = \"" + std::to_string(user) + "\"\n";
  }

  std::unique_ptr<Broker> broker_;
  Handler handler_;
};

TEST_F(TokenPagesTest, ShowEachTokenAsItComesAndNoneOnceItIsDead) {
  begin();
  const Response reader = page();
  const auto mapped = map(reader);
  EXPECT_EQ(mapped->token(), "token-1");
  ASSERT_TRUE(run((*broker_->keeper("p"))->refresh()));
  io_.poll();
  EXPECT_EQ(mapped->token(), "token-2");
  EXPECT_EQ(mapped->state(), wire::PageState::valid);
  failure_ = fails(ErrorCode::unreachable, "no network");
  clock_.advance(101s);
  (void)run((*broker_->keeper("p"))->refresh());
  io_.poll();
  EXPECT_EQ(mapped->state(), wire::PageState::empty);
  EXPECT_EQ(mapped->token(), "");
  EXPECT_FALSE(mapped->is_orphaned());
}

TEST_F(TokenPagesTest, AreOneForAllWhomTheSameGrantLetsIn) {
  begin(k_config + grant(::geteuid()) + grant(4711));
  transport::Peer other = ourselves();
  other.uid = 4711;
  const Response first = page(), second = page(), others = page("p", other);
  EXPECT_EQ(map(first)->inode(), map(second)->inode());
  EXPECT_NE(map(first)->inode(), map(others)->inode());
  const auto ours = map(first), theirs = map(others);
  ASSERT_TRUE(reload_with(*broker_, k_config + grant(::geteuid())));
  io_.poll();
  EXPECT_EQ(ours->token(), "token-1");
  EXPECT_EQ(theirs->state(), wire::PageState::withdrawn) << "theirs alone";
  EXPECT_EQ(theirs->token(), "") << "wiped, whoever still has it mapped";
}

TEST_F(TokenPagesTest, AreWipedWithTheirProfile) {
  begin();
  const Response reader = page();
  const auto mapped = map(reader);
  ASSERT_TRUE(reload_with(*broker_, "[profile.q]\n"));
  io_.poll();
  EXPECT_EQ(mapped->state(), wire::PageState::withdrawn);
  EXPECT_EQ(mapped->token(), "");
}

TEST_F(TokenPagesTest, GoOnWithAProfileThatIsConfiguredAnew) {
  begin();
  const Response reader = page();
  const auto mapped = map(reader);
  hang_ = true;
  ASSERT_TRUE(reload_with(*broker_, "[profile.p]\nscopes = [\"other\"]\n"));
  io_.poll();
  EXPECT_EQ(mapped->token(), "") << "a token for other scopes is none";
  let_go();
  settle();
  io_.poll();
  EXPECT_EQ(mapped->token(), "token-2");
}

TEST_F(TokenPagesTest, ThatNobodyReadsRestAndAreRightForWhoComesNext) {
  begin();
  Response reader = page();
  const auto mapped = map(reader);
  reader = {};
  io_.poll();
  ASSERT_TRUE(run((*broker_->keeper("p"))->refresh()));
  io_.poll();
  EXPECT_EQ(mapped->token(), "token-1") << "nobody is there for whom to write";
  const Response next = page();
  EXPECT_EQ(map(next)->inode(), mapped->inode());
  EXPECT_EQ(map(next)->token(), "token-2");
}

TEST_F(TokenPagesTest, StayAsTheyAreWhenFobdEnds) {
  begin();
  const Response reader = page();
  const auto mapped = map(reader);
  broker_->retire({ErrorCode::timeout, "fobd is being restarted", std::nullopt});
  io_.poll();
  EXPECT_EQ(mapped->token(), "token-1") << "good for as long as it lives";
}

TEST_F(TokenPagesTest, AreBoundedInNumberAndMakeRoomWhenSomeAreOver) {
  std::string config, fewer;
  for (int i = 0; i <= 64; ++i) {
    const std::string profile = "[profile.p" + std::to_string(i) + "]\n";
    config += profile;
    if (i != 7) fewer += profile;
  }
  begin(config);
  std::vector<Response> readers;
  for (int i = 0; i < 64; ++i) {
    readers.push_back(page("p" + std::to_string(i)));
    ASSERT_EQ(readers.back().status, 101);
  }
  const Response refused = page("p64");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("ask for tokens by GET /v1/token"));
  EXPECT_EQ(page("p0").status, 101) << "of those there are, one more may read";
  ASSERT_TRUE(reload_with(*broker_, fewer));
  EXPECT_EQ(page("p64").status, 101);
}

// What a reader sees of pages whose writer ends, after one of them, be it the first, in the midst or the
// last, was given up before.
class WriterMarkTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(WriterMarkTest, MarksWhatIsGivenUpAndTheKernelAllOthersInTheEnd) {
  const test::ManualClock clock;
  std::vector<std::unique_ptr<PageWriter>> writers;
  std::vector<std::unique_ptr<Mapped>> pages;
  // The list is of a thread, and so is its end.
  std::thread([&] {
    const auto mark = std::make_shared<WriterMark>();
    for (int i = 0; i < 4; ++i) {
      auto made = PageWriter::make(mark, clock);
      ASSERT_TRUE(made) << made.error().detail;
      pages.push_back(std::make_unique<Mapped>((*made)->descriptor()));
      writers.push_back(std::move(*made));
    }
    writers[GetParam()].reset();
    for (std::size_t i = 0; i < pages.size(); ++i) EXPECT_EQ(pages[i]->is_orphaned(), i == GetParam()) << i;
    // One more in its neighbourhood.
    writers[(GetParam() + 1) % writers.size()].reset();
  }).join();
  for (const auto& page : pages) EXPECT_TRUE(page->is_orphaned());
}

INSTANTIATE_TEST_SUITE_P(Places, WriterMarkTest, ::testing::Values(0U, 1U, 2U, 3U));

}  // namespace
}  // namespace fob::broker
