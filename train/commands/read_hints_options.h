#pragma once
// train/commands/read_hints_options.h -- what every command that reads a checkpoint can be told about it, and options
// whose values are the words of an enumeration.

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "base/config_field.h"
#include "model/clip_file.h"

namespace longclip {

/// An option whose values are the words of an enumeration. `value` must outlive the parsing.
template <class E>
void add_enum_option(CLI::App& command, const std::string& name, E& value, const std::string& meaning) {
  std::vector<std::string> words;
  for (const auto& [key, word] : EnumNames<E>::kNames) words.emplace_back(word);
  const auto take = [&value](const std::string& given) {
    for (const auto& [key, word] : EnumNames<E>::kNames) {
      if (word == given) value = key;
    }
  };
  command.add_option_function<std::string>(name, take, meaning)
      ->check(CLI::IsMember(words))
      ->default_str(std::string(enum_name(value)));
}

/// --hidden-act, --text-heads, --vision-heads, --entry. `hints` must outlive the parsing.
void add_hint_options(CLI::App& command, ReadHints& hints);

}  // namespace longclip
