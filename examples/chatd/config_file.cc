// See config_file.h.
#include "config_file.h"

#include <algorithm>
#include <istream>
#include <sstream>

#include "suggestion.h"

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

// A line with an empty value has no effect.
bool says_nothing(const std::string& line) { return value_of(line) == "\"\""; }

// Returns the fault of an option's values, or an empty string.
std::string check_value(CLI::Option& option, const CLI::ConfigItem& item) {
  // CLI11 starts a comment at a number sign even inside quotes.
  if (std::any_of(item.inputs.begin(), item.inputs.end(), begins_quoted)) {
    return "the quotes are not closed before the end of the line or a '#'";
  }
  if (is_flag(option)) {
    const bool good = item.inputs.size() == 1 && (item.inputs[0] == "true" || item.inputs[0] == "false");
    return good ? "" : "must be true or false";
  }
  if (item.inputs.size() != 1 && !is_list(option)) {
    return "takes one value; put a value with spaces or commas in quotes";
  }
  for (std::string input : item.inputs) {
    if (std::string wrong = (*option.get_validator(0))(input); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace

std::string ConfigFile::file_name() const { return app_.get_config_ptr()->as<std::string>(); }

std::string ConfigFile::place_of(const std::string& option) const {
  const auto found = lines_.find(option);
  if (found == lines_.end()) return {};
  const std::string line = found->second == kSeveralLines ? "" : ":" + std::to_string(found->second);
  return file_name() + line + ": ";
}

std::string ConfigFile::read_line(const std::string& line, CLI::ConfigItem& item) const {
  if (line.front() == '[') return "sections are not supported";
  std::istringstream input(line);
  const std::vector<CLI::ConfigItem> found = CLI::ConfigTOML::from_config(input);
  if (found.size() != 1 || found[0].name.empty() || !found[0].parents.empty()) {
    return "'" + line + "' is not of the form: name = value";
  }
  item = found[0];
  const std::string value = value_of(line);
  // CLI11 would search for the end of a list in the following lines, and lose the last character of the last one.
  if (value.starts_with('[') && !value.ends_with(']')) return item.name + ": the list does not end on its line";
  return check_name(line, item);
}

std::string ConfigFile::check_name(const std::string& line, const CLI::ConfigItem& item) const {
  const CLI::Option* option = app_.get_option_no_throw("--" + item.name);
  if (option == nullptr || !option->get_configurable()) {
    std::vector<std::string> known;
    for (const CLI::Option* other : app_.get_options()) {
      if (other->get_configurable() && !other->get_lnames().empty()) known.push_back(other->get_lnames().front());
    }
    const std::string nearest = nearest_name(item.name, known);
    return "unknown option " + item.name + (nearest.empty() ? "" : "; did you mean " + nearest + "?");
  }
  if (!is_flag(*option) && line.find('=') == std::string::npos) return item.name + ": needs a value";
  return {};
}

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream& input) const {
  std::vector<CLI::ConfigItem> found;
  std::map<std::string, int> seen;
  int number = 0;
  for (std::string line; std::getline(input, line);) {
    ++number;
    CLI::detail::trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    CLI::ConfigItem item;
    const auto refuse = [&](const std::string& what) {
      faults_.push_back({item.name, file_name() + ":" + std::to_string(number) + ": " + what});
    };
    if (const std::string wrong = read_line(line, item); !wrong.empty()) {
      refuse(wrong);
      continue;
    }
    CLI::Option& option = *app_.get_option("--" + item.name);
    const bool first = seen.emplace(item.name, number).second;
    if (!first && !is_list(option)) {
      refuse(item.name + ": is already set in line " + std::to_string(seen[item.name]));
      continue;
    }
    if (says_nothing(line)) continue;
    if (const std::string wrong = check_value(option, item); !wrong.empty()) {
      refuse(item.name + ": " + wrong);
      continue;
    }
    // A flag is off by default, and CLI11 does not accept false.
    if (is_flag(option) && item.inputs[0] == "false") continue;
    if (option.count() == 0) lines_[item.name] = first ? number : kSeveralLines;
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
