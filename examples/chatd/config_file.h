// The file of --config: chatd's options under the names that they have on the command line, one a line. CLI11 reads a line;
// this says what is wrong with it, and where.
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

  // "chatd.conf:12: ", when the option's value was taken from there: what the command line has goes before. Else empty. The
  // line is left out when the values of a list stand in several.
  std::string place_of(const std::string& option) const;

 private:
  [[noreturn]] void refuse(int line, const std::string& what) const;
  CLI::ConfigItem read_line(int number, const std::string& line) const;
  void check(int line, CLI::Option& option, const CLI::ConfigItem& item) const;
  std::string file_name() const;

  CLI::App& app_;
  mutable std::map<std::string, int> lines_;  // by option: where its value stands
};

}  // namespace chatd
