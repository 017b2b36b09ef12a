// See config_file.h.
#include "config_file.h"

#include <algorithm>
#include <istream>
#include <sstream>

namespace chatd {
namespace {

constexpr int kSeveralLines = 0;

bool is_flag(const CLI::Option& option) { return option.get_expected_min() == 0; }
bool is_list(const CLI::Option& option) { return option.get_expected_max() > 1; }

bool begins_quoted(const std::string& text) { return !text.empty() && (text.front() == '"' || text.front() == '\''); }

// The value as written, without a comment.
std::string value_of(const std::string& line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string::npos) return {};
  return CLI::detail::trim_copy(line.substr(equals + 1, line.find('#') - equals - 1));
}

// Such a line has no effect.
bool says_nothing(const std::string& line) { return value_of(line) == "\"\""; }

}  // namespace

std::string ConfigFile::file_name() const { return app_.get_config_ptr()->as<std::string>(); }

void ConfigFile::refuse(int line, const std::string& what) const {
  throw CLI::ConfigError(file_name() + ":" + std::to_string(line) + ": " + what);
}

std::string ConfigFile::place_of(const std::string& option) const {
  const auto found = lines_.find(option);
  if (found == lines_.end()) return {};
  const std::string line = found->second == kSeveralLines ? "" : ":" + std::to_string(found->second);
  return file_name() + line + ": ";
}

CLI::ConfigItem ConfigFile::read_line(int number, const std::string& line) const {
  if (line.front() == '[') refuse(number, "sections are not supported");
  std::istringstream input(line);
  const std::vector<CLI::ConfigItem> found = CLI::ConfigTOML::from_config(input);
  if (found.size() != 1 || found[0].name.empty() || !found[0].parents.empty()) {
    refuse(number, "'" + line + "' is not of the form: name = value");
  }
  const std::string value = value_of(line);
  // CLI11 would look for the end of a list in the following lines, and lose the last character of the last one.
  if (value.starts_with('[') && !value.ends_with(']')) {
    refuse(number, found[0].name + ": the list does not end on its line");
  }
  return found[0];
}

void ConfigFile::check(int line, CLI::Option& option, const CLI::ConfigItem& item) const {
  for (const std::string& input : item.inputs) {
    // CLI11 starts a comment at a number sign even inside quotes.
    if (begins_quoted(input))
      refuse(line, item.name + ": the quotes are not closed before the end of the line or a '#'");
  }
  if (is_flag(option)) {
    if (item.inputs.size() != 1 || (item.inputs[0] != "true" && item.inputs[0] != "false")) {
      refuse(line, item.name + ": must be true or false");
    }
    return;
  }
  if (item.inputs.size() != 1 && !is_list(option)) {
    refuse(line, item.name + ": takes one value; put a value with spaces or commas in quotes");
  }
  for (std::string input : item.inputs) {
    const std::string wrong = (*option.get_validator(0))(input);
    if (!wrong.empty()) refuse(line, item.name + ": " + wrong);
  }
}

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream& input) const {
  std::vector<CLI::ConfigItem> found;
  std::map<std::string, int> seen;
  int number = 0;
  for (std::string line; std::getline(input, line);) {
    ++number;
    CLI::detail::trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    CLI::ConfigItem item = read_line(number, line);
    CLI::Option* option = app_.get_option_no_throw("--" + item.name);
    if (option == nullptr || !option->get_configurable()) refuse(number, "unknown option " + item.name);
    if (!is_flag(*option) && line.find('=') == std::string::npos) refuse(number, item.name + ": needs a value");
    const bool first = seen.emplace(item.name, number).second;
    if (!first && !is_list(*option)) {
      refuse(number, item.name + ": is already set in line " + std::to_string(seen[item.name]));
    }
    if (says_nothing(line)) continue;
    check(number, *option, item);
    // A flag is off by default, and CLI11 cannot be given false.
    if (is_flag(*option) && item.inputs[0] == "false") continue;
    if (option->count() == 0) lines_[item.name] = first ? number : kSeveralLines;
    const auto earlier =
        std::find_if(found.begin(), found.end(), [&](const CLI::ConfigItem& one) { return one.name == item.name; });
    if (earlier == found.end()) {
      found.push_back(std::move(item));
    } else {
      earlier->inputs.insert(earlier->inputs.end(), item.inputs.begin(), item.inputs.end());
    }
  }
  return found;
}

}  // namespace chatd
