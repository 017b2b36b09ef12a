// The file of --config: chatd's options with the names of the command line, one per line. CLI11 parses each line; this
// class reports errors with their place.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace chatd {

class ConfigFile : public CLI::ConfigTOML {
 public:
  // `app` outlives this, and has one validator for each option that takes a value.
  explicit ConfigFile(CLI::App& app) : app_(app) {}

  // Throws CLI::ConfigError, which names the file and the line.
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  // "chatd.conf:12: " if the option's value was taken from there, otherwise empty: command-line options take
  // precedence. The line is omitted if the values of a list are on several lines.
  std::string place_of(const std::string& option) const;

 private:
  [[noreturn]] void refuse(int line, const std::string& what) const;
  CLI::ConfigItem read_line(int number, const std::string& line) const;
  void check(int line, CLI::Option& option, const CLI::ConfigItem& item) const;
  std::string file_name() const;

  CLI::App& app_;
  mutable std::map<std::string, int> lines_;  // the line of each option's value
};

}  // namespace chatd
