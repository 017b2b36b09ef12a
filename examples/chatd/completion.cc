// See completion.h.
#include "completion.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

namespace chatd {
namespace {

enum class Value { none, any, file, directory, words };

struct Item {
  std::string name;
  std::string help;
  std::string shown;  // "error|warning|info|debug"
  Value value = Value::none;
  std::vector<std::string> words;
  bool repeatable = false;
};

bool is_word(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::islower(c) || c == '-'; });
}

Item read(const CLI::Option& option) {
  Item item;
  item.name = option.get_lnames().front();
  item.help = option.get_description();
  item.repeatable = option.get_expected_max() > 1;
  if (option.get_expected_min() == 0) return item;
  item.shown = option.get_type_name();
  for (const std::string& part : CLI::detail::split(item.shown, '|')) {
    if (is_word(part)) item.words.push_back(part);
  }
  if (item.shown == "FILE" || item.shown == "PATH") {
    item.value = Value::file;
  } else if (item.shown == "DIR") {
    item.value = Value::directory;
  } else {
    item.value = item.words.empty() ? Value::any : Value::words;
  }
  return item;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string result;
  for (const std::string& part : parts) result += (result.empty() ? "" : between) + part;
  return result;
}

// Single quotes need no other escapes in zsh. In fish, backslashes inside them are escapes.
std::string quoted(std::string_view text, bool fish) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += fish ? "\\'" : "'\\''";
    } else {
      if (fish && c == '\\') result += '\\';
      result += c;
    }
  }
  return result + "'";
}

std::string bash_case(const std::vector<Item>& items, Value value, const char* action) {
  std::vector<std::string> names;
  for (const Item& item : items) {
    if (item.value == value) names.push_back("--" + item.name);
  }
  return "    " + joined(names, " | ") + ")\n" + action + "      return\n      ;;\n";
}

std::string for_bash(const std::vector<Item>& items) {
  std::vector<std::string> names;
  std::string words;
  for (const Item& item : items) {
    names.push_back("--" + item.name);
    if (item.value != Value::words) continue;
    words += "    --" + item.name + ")\n      mapfile -t COMPREPLY < <(compgen -W '" + joined(item.words, " ") +
             "' -- \"$current\")\n      return\n      ;;\n";
  }
  return "# Completion of chatd for bash, made by: chatd --completion bash\n"
         "_chatd() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  # Bash takes the equals sign of --name=value for a word.\n"
         "  if [[ $current == '=' ]]; then\n"
         "    current=\n"
         "  elif [[ $previous == '=' && COMP_CWORD -gt 1 ]]; then\n"
         "    previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "  fi\n"
         "  [[ ${COMP_WORDS[COMP_CWORD]} != '=' ]] || previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  COMPREPLY=()\n"
         "  case $previous in\n" +
         bash_case(items, Value::file,
                   "      compopt -o filenames 2>/dev/null\n"
                   "      mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n") +
         bash_case(items, Value::directory,
                   "      compopt -o filenames 2>/dev/null\n"
                   "      mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n") +
         words + bash_case(items, Value::any, "") +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W '" +
         joined(names, " ") +
         "' -- \"$current\")\n"
         "}\n"
         "complete -F _chatd chatd\n";
}

std::string for_zsh(const std::vector<Item>& items) {
  std::string text = "#compdef chatd\n# Completion of chatd for zsh, made by: chatd --completion zsh\n_arguments \\\n";
  for (const Item& item : items) {
    std::string help;
    for (const char c : item.help) {
      if (c == '[' || c == ']' || c == '\\') help += '\\';
      help += c;
    }
    std::string shown;
    for (const char c : item.shown) shown += std::string(c == ':' || c == '\\' ? "\\" : "") + c;
    std::string spec =
        (item.repeatable ? "*--" : "--") + item.name + (item.value == Value::none ? "" : "=") + "[" + help + "]";
    if (item.value != Value::none) spec += ":" + shown + ":";
    if (item.value == Value::file) spec += "_files";
    if (item.value == Value::directory) spec += "_files -/";
    if (item.value == Value::words) spec += "(" + joined(item.words, " ") + ")";
    text += "  " + quoted(spec, false) + (&item == &items.back() ? "\n" : " \\\n");
  }
  return text;
}

std::string for_fish(const std::vector<Item>& items) {
  std::string text = "# Completion of chatd for fish, made by: chatd --completion fish\ncomplete -c chatd -f\n";
  for (const Item& item : items) {
    text += "complete -c chatd -l " + item.name;
    if (item.value == Value::any) text += " -x";
    if (item.value == Value::file) text += " -r -F";
    if (item.value == Value::directory) text += " -x -a '(__fish_complete_directories)'";
    if (item.value == Value::words) text += " -x -a " + quoted(joined(item.words, " "), true);
    text += " -d " + quoted(item.help, true) + "\n";
  }
  return text;
}

}  // namespace

std::string completion_script(Shell shell, const CLI::App& app) {
  std::vector<Item> items;
  for (const CLI::Option* option : app.get_options()) items.push_back(read(*option));
  if (shell == Shell::bash) return for_bash(items);
  return shell == Shell::zsh ? for_zsh(items) : for_fish(items);
}

}  // namespace chatd
