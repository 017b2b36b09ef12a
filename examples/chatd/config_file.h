// The file of --config: chatd's options with the names of the command line, one per line. CLI11 parses each line; this
// class reports every error with its place.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "options.h"

namespace chatd {

class ConfigFile : public CLI::ConfigTOML {
 public:
  // `app` outlives this, and has one validator for each option that takes a value.
  explicit ConfigFile(CLI::App& app) : app_(app) {}

  // The lines that are right. The others are in faults().
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  // Of every line, in the order of the file.
  const std::vector<Fault>& faults() const { return faults_; }

  // "chatd.conf:12: " if the option's value was taken from there, otherwise empty: command-line options take
  // precedence. The line is omitted if the values of a list are on several lines.
  std::string place_of(const std::string& option) const;

 private:
  // What is wrong with a line, or an empty string.
  std::string read_line(const std::string& line, CLI::ConfigItem& item) const;
  std::string check_name(const std::string& line, const CLI::ConfigItem& item) const;

  std::string file_name() const;

  CLI::App& app_;
  mutable std::map<std::string, int> lines_;  // the line of each option's value
  mutable std::vector<Fault> faults_;
};

}  // namespace chatd
