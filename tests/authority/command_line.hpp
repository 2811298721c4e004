// fob-authority's command line: which arguments there are, and what its help says of them. main reads it; the
// table in README.md is made from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace CLI {
class App;
}

namespace fob::authority {

struct Arguments {
  std::uint16_t port = 0;
  std::filesystem::path directory;
  double lifetime_s = 300;
  bool tls = false;
  std::string bad_cert;
};

/// `arguments` is filled when `app` parses, and must live until then.
void add_arguments(CLI::App& app, Arguments& arguments);

}  // namespace fob::authority
