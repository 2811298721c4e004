// A log whose lines the test reads: "[PRIORITY] MESSAGE", and each field after a tab.
#pragma once

#include "ipc/base/log.hpp"

#include <string>

namespace fob::test {

class RecordedLog {
 public:
  explicit RecordedLog(const Clock& clock)
      : log(clock, [this](Priority priority, const std::string& message, const Journal::Fields& fields) {
          text_ += "[" + std::string(to_string(priority)) + "] " + message;
          for (const auto& [name, value] : fields) text_ += "\t" + name + "=" + value;
          text_ += "\n";
        }) {}

  const std::string& str() const { return text_; }
  void clear() { text_.clear(); }

 private:
  std::string text_;

 public:
  Log log;
};

}  // namespace fob::test
