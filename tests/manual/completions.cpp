#include "tests/manual/completions.hpp"

#include <algorithm>
#include <stdexcept>

namespace fob::manual {

std::string made_from(const Command& program) {
  return "Completions of " + program.name() +
         ", made from its argument table. `ninja -C build/dev manual` writes them anew; edits are lost.";
}

std::vector<const Command*> with_all_below(const Command& command) {
  std::vector<const Command*> all = {&command};
  for (const auto& below : command.commands)
    for (const Command* one : with_all_below(below)) all.push_back(one);
  return all;
}

bool is_for_all(const Command& program, const Argument& option) {
  return std::any_of(program.options.begin(), program.options.end(), [&](const Argument& own) {
    return own.name() == option.name() && own.takes_a_value() == option.takes_a_value();
  });
}

const Command* that_runs_a_program(const Command& program) {
  const auto all = with_all_below(program);
  const auto found =
      std::find_if(all.begin(), all.end(), [](const Command* command) { return command->runs_a_program; });
  return found == all.end() ? nullptr : *found;
}

bool takes_profiles(const Command& program) {
  const auto is_profile = [](const Argument& argument) { return argument.offer == Offer::profile; };
  const auto all = with_all_below(program);
  return std::any_of(all.begin(), all.end(), [&](const Command* command) {
    return std::any_of(command->places.begin(), command->places.end(), is_profile) ||
           std::any_of(command->options.begin(), command->options.end(), is_profile);
  });
}

std::vector<std::string> names_with_value(const Command& program) {
  std::vector<std::string> names;
  for (const auto& option : all_options(program))
    if (option.takes_a_value()) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

std::string filled_in(std::string text, const std::string& name, const std::string& value) {
  const std::string mark = "@" + name + "@";
  if (text.find(mark) == std::string::npos) throw std::runtime_error("the template has no " + mark);
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
    text.replace(at, mark.size(), value);
  return text;
}

}  // namespace fob::manual
