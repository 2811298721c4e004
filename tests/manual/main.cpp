// manual_generator FROM TO: makes anew what is made from the tables of arguments and options. It reads the
// documents below FROM, makes the parts that are marked in them, and writes them and the shells' completions
// below TO. With the same directory twice it is `ninja -C build/dev manual`; tests/e2e/test_manual.py has it
// write elsewhere, and compares.
#include "tests/manual/blocks.hpp"
#include "tests/manual/completions.hpp"
#include "tests/manual/man_page.hpp"
#include "tests/manual/markdown.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

using namespace fob::manual;
using std::filesystem::path;

constexpr const char* k_pages[] = {
    "docs/man/fob.1",          "docs/man/fob-fleet.1",   "docs/man/fob.toml.5",    "docs/man/fobd.8",
    "docs/man/fob-exchange.8", "docs/man/fob-gateway.8", "docs/man/fob-witness.8",
};
constexpr const char* k_markdown[] = {"docs/configuration.md", "tests/authority/README.md"};
// What a person types; the others are started by programs.
constexpr const char* k_completed[] = {"fob", "fobd", "fob-gateway"};

std::string read(const path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

class Generator {
 public:
  Generator(path from, path to) : from_(std::move(from)), to_(std::move(to)), programs_(read_programs()) {}

  void run() const {
    for (const char* page : k_pages) make(page, [this](const auto& words) { return man_part(words); });
    for (const char* document : k_markdown)
      make(document, [this](const auto& words) { return markdown_part(words); });
    for (const char* name : k_completed) {
      const Command& program = find_command(programs_, {name});
      const path folder = to_ / "docs/completions";
      write(folder / (program.name() + ".bash"), bash_completion(program));
      write(folder / ("_" + program.name()), zsh_completion(program));
      write(folder / (program.name() + ".fish"), fish_completion(program));
    }
  }

 private:
  void make(const char* document, const Maker& maker) const {
    try {
      write(to_ / document, with_parts_made(read(from_ / document), maker));
    } catch (const std::exception& error) {
      throw std::runtime_error(std::string(document) + ": " + error.what());
    }
  }

  // The command that a part is about: the words behind its first.
  const Command& subject(const std::vector<std::string>& words) const {
    return find_command(programs_, {words.begin() + 1, words.end()});
  }

  std::string man_part(const std::vector<std::string>& words) const {
    const std::string kind = words.empty() ? "" : words[0];
    if (kind == "synopsis") return man_synopsis(subject(words), false);
    if (kind == "synopses") return man_synopsis(subject(words), true);
    if (kind == "options") return man_options(subject(words));
    if (kind == "commands")
      return man_commands(subject(words), [this](const Command& command) {
        return std::filesystem::exists(from_ / "docs/man" / (joined(command.path, "-") + ".1"));
      });
    if (kind == "exit-statuses") return man_exit_statuses();
    if (kind == "keys" && words.size() == 2) return man_keys(words[1]);
    throw std::runtime_error("there is no such part: " + joined(words));
  }

  std::string markdown_part(const std::vector<std::string>& words) const {
    const std::string kind = words.empty() ? "" : words[0];
    if (kind == "options") return markdown_options(subject(words));
    if (kind == "keys" && words.size() == 2) return markdown_keys(words[1]);
    throw std::runtime_error("there is no such part: " + joined(words));
  }

  path from_, to_;
  std::vector<Command> programs_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error("usage: manual_generator FROM TO");
    Generator(argv[1], argv[2]).run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "manual_generator: %s\n", error.what());
    return 1;
  }
}
