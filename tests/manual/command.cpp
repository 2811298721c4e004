#include "tests/manual/command.hpp"

#include "daemon/broker/command_line.hpp"
#include "daemon/cli/command_line.hpp"
#include "daemon/config/options.hpp"
#include "daemon/exchanger/command_line.hpp"
#include "daemon/gateway/command_line.hpp"
#include "daemon/witness/command_line.hpp"
#include "tests/authority/command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

namespace fob::manual {
namespace {

// What stands in quotes: "systemd-creds" | "secret-service" | "file"
std::vector<std::string> quoted_words(std::string_view form) {
  std::vector<std::string> words;
  for (std::size_t begin = form.find('"'); begin != std::string_view::npos;) {
    const auto end = form.find('"', begin + 1);
    words.emplace_back(form.substr(begin + 1, end - begin - 1));
    begin = form.find('"', end + 1);
  }
  return words;
}

std::vector<std::string> names_of_stores() {
  const auto options = config::daemon_options();
  const auto store =
      std::find_if(options.begin(), options.end(), [](const auto& option) { return option.key == "store"; });
  return quoted_words(store->form);
}

// The words that stand for an argument in help texts say what it is.
Offer offer_for(const std::string& placeholder) {
  static const std::map<std::string, Offer> known = {
      {"FILE", Offer::file},     {"BUNDLE", Offer::file},     {"RECEIPTS", Offer::file},
      {"DIR", Offer::directory}, {"PROFILE", Offer::profile}, {"USER", Offer::user},
      {"PID", Offer::process},   {"STORE", Offer::words},
  };
  const auto found = known.find(placeholder);
  return found == known.end() ? Offer::nothing : found->second;
}

bool is_shown(const CLI::Option& option) { return !option.get_group().empty(); }

std::string placeholder_of(const CLI::Option& option) {
  if (!option.nonpositional()) return option.get_name(true);
  if (option.get_items_expected_max() == 0) return "";
  const std::string type = option.get_type_name();
  if (type.empty() || type.find(':') != std::string::npos)
    throw std::runtime_error(option.get_name() + " needs a type_name() and validators without a description");
  return type;
}

Argument read_argument(const CLI::App& app, const CLI::Option& option) {
  Argument argument;
  for (const auto& name : option.get_snames()) argument.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) argument.names.push_back("--" + name);
  argument.placeholder = placeholder_of(option);
  argument.meaning = option.get_description();
  for (const CLI::Option* other : option.get_excludes())
    if (is_shown(*other)) argument.excludes.push_back(other->get_name());
  std::sort(argument.excludes.begin(), argument.excludes.end());
  argument.required = option.get_required();
  argument.repeated =
      option.get_expected_max() >= CLI::detail::expected_max_vector_size && option.get_delimiter() == '\0';
  argument.of_every_program = &option == app.get_help_ptr() || &option == app.get_version_ptr();
  argument.offer = offer_for(argument.placeholder);
  if (argument.offer == Offer::words) argument.words = names_of_stores();
  return argument;
}

void add_options(const Command& command, std::map<std::string, Argument>& known,
                 std::vector<Argument>& options) {
  for (const auto& option : command.options) {
    const auto [before, is_new] = known.emplace(option.name(), option);
    if (is_new) options.push_back(option);
    if (before->second.takes_a_value() != option.takes_a_value() || before->second.offer != option.offer)
      throw std::runtime_error(option.name() + " of " + joined(command.path) +
                               " takes something else than an option of the same name before");
  }
  for (const auto& below : command.commands) add_options(below, known, options);
}

Command read_below(const CLI::App& app, std::vector<std::string> path) {
  Command command;
  command.path = std::move(path);
  command.path.push_back(app.get_name());
  if (app.get_group() != "Subcommands") command.heading = app.get_group();  // CLI11's word for none
  command.meaning = app.get_description();
  command.story = app.get_footer();
  command.runs_a_program = joined(command.path) == std::string("fob ") + cli::k_runs_a_program;
  // Those of every program stand first in CLI11's table, and last where people read.
  std::vector<Argument> of_every_program;
  for (const CLI::Option* option : app.get_options()) {
    if (!is_shown(*option)) continue;
    auto argument = read_argument(app, *option);
    auto& list = !option->nonpositional()    ? command.places
                 : argument.of_every_program ? of_every_program
                                             : command.options;
    list.push_back(std::move(argument));
  }
  std::move(of_every_program.begin(), of_every_program.end(), std::back_inserter(command.options));
  for (const CLI::App* below : app.get_subcommands({}))
    if (!below->get_group().empty()) command.commands.push_back(read_below(*below, command.path));
  return command;
}

template <class Arguments>
Command read_program(void (*add_arguments)(CLI::App&, Arguments&)) {
  CLI::App app;
  Arguments arguments;
  add_arguments(app, arguments);
  return read_command(app);
}

}  // namespace

Command read_command(const CLI::App& app) {
  Command command = read_below(app, {});
  all_options(command);
  return command;
}

std::vector<Command> read_programs() {
  return {read_command(*cli::argument_table()),   read_program(broker::add_arguments),
          read_program(exchanger::add_arguments), read_program(gateway::add_arguments),
          read_program(witness::add_arguments),   read_program(authority::add_arguments)};
}

const Command& find_command(const std::vector<Command>& programs, const std::vector<std::string>& path) {
  const std::vector<Command>* among = &programs;
  const Command* found = nullptr;
  for (const auto& word : path) {
    const auto next = std::find_if(among->begin(), among->end(),
                                   [&](const Command& command) { return command.name() == word; });
    if (next == among->end()) throw std::runtime_error("there is no command " + joined(path));
    found = &*next;
    among = &next->commands;
  }
  if (found == nullptr) throw std::runtime_error("a command's name is missing");
  return *found;
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::vector<Argument> all_options(const Command& command) {
  std::map<std::string, Argument> known;
  std::vector<Argument> options;
  add_options(command, known, options);
  return options;
}

}  // namespace fob::manual
