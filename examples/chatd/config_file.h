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
  // `app` must outlive this object and have one validator for each option that takes a value.
  explicit ConfigFile(CLI::App& app) : app_(app) {}

  // Returns the valid lines. Faults of other lines are in faults().
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  // The faults of all lines, in file order.
  const std::vector<Fault>& faults() const { return faults_; }

  // Returns "chatd.conf:12: " when the option's value is from the file; empty otherwise, since command-line options
  // take precedence. The line number is omitted when a list's values are on several lines.
  std::string place_of(const std::string& option) const;

 private:
  // Returns the fault of a line, or an empty string.
  std::string read_line(const std::string& line, CLI::ConfigItem& item) const;
  std::string check_name(const std::string& line, const CLI::ConfigItem& item) const;

  std::string file_name() const;

  CLI::App& app_;
  mutable std::map<std::string, int> lines_;  // the line of each option's value
  mutable std::vector<Fault> faults_;
};

}  // namespace chatd
