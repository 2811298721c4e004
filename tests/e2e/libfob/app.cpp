// app.c in C++17, by fob.hpp alone; also without exceptions.
#include <fob.hpp>
#include <poll.h>
#include <iostream>
#include <sstream>
#include <string>

namespace {

using fob::app::Status;
using std::chrono::milliseconds;

class App {
 public:
  explicit App(fob::app::TokenSource source) : source_(std::move(source)) {}

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "get") return get(words);
    if (command == "wait") return wait(words);
    if (command == "poll") return poll(words);
    if (command == "reject") return outcome(source_.report_rejected(last_.text()), "");
    if (command == "change") return "ok " + std::to_string(source_.change());
    if (command == "acknowledge") return "ok " + std::to_string(source_.acknowledge());
    if (command == "token") return "ok " + std::string(last_.text());
    if (command == "close") {
      const fob::app::TokenSource gone = std::move(source_);
      return "ok";
    }
    return "2 what is that?";
  }

 private:
  std::string outcome(Status status, const std::string& result) {
    if (status == Status::ok) return "ok" + result;
    return std::to_string(static_cast<int>(status)) + " " + source_.last_error();
  }

  std::string get(std::istream& words) {
    std::int64_t min_ttl = 0, wait = 0;
    words >> min_ttl >> wait;
    auto token = source_.get(milliseconds(min_ttl), milliseconds(wait));
    if (!token) return outcome(token.status(), "");
    last_ = std::move(token);
    std::string copy(FOB_TOKEN_CAPACITY, '\0');
    std::size_t length = 0;
    const Status copied = source_.get_into(copy.data(), copy.size(), length);
    copy.resize(length);
    return outcome(copied, " " + copy + " " + std::string(last_.fingerprint()) + " " +
                               std::to_string(last_.expires_in().count()) + " fob::app::Token");
  }

  std::string wait(std::istream& words) {
    std::uint64_t since = 0;
    std::int64_t timeout = 0;
    words >> since >> timeout;
    const Status status = source_.wait(since, milliseconds(timeout));
    return outcome(status == Status::timed_out ? Status::ok : status, " " + std::to_string(since));
  }

  std::string poll(std::istream& words) {
    int timeout = 0;
    words >> timeout;
    pollfd descriptor{source_.descriptor(), POLLIN, 0};
    return ::poll(&descriptor, 1, timeout) == 1 ? "ok readable" : "ok quiet";
  }

  fob::app::TokenSource source_;
  fob::app::Token last_;
};

}  // namespace

int main(int argc, char** argv) {
  fob::app::TokenSource source(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
  if (source.status() != Status::ok) {
    std::cout << static_cast<int>(source.status()) << " " << source.last_error() << std::endl;
    return 1;
  }
  App app(std::move(source));
  for (std::string line; std::getline(std::cin, line);) std::cout << app.answer(line) << std::endl;
  return 0;
}
