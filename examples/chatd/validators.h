// Validators for the values of chatd's options, used for the command line and for lines of a file. A validator returns
// the fault of a value, or an empty string. It may rewrite the value for CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace chatd {

inline constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

enum class Unit { none, bytes, milliseconds };

// The unit, given by the suffix of the option's name: "max-message-bytes", "ping-interval-ms".
Unit unit_of_option(const std::string& name);

CLI::Validator not_empty();
// Accepts numbers with or without a unit: 64k is 65,536 bytes, 25s is 25,000 milliseconds; without one, the option's
// own unit applies. Zero selects the library's default, so a given number must be at least `low`.
CLI::Validator number_from(std::int64_t low, std::int64_t high = kHighest, Unit unit = Unit::none);
// Also accepts "off", which becomes CHAT_UNLIMITED.
CLI::Validator number_or_off(std::int64_t low, Unit unit = Unit::none);
CLI::Validator path_or_off();
CLI::Validator endpoint_text();
CLI::Validator address_text();

// An address with an optional port: "127.0.0.1", "localhost:8080", "[::1]:8080", "::1".
struct HostAndPort {
  std::string host;  // an address without brackets
  int port = -1;     // -1: none was given
};
// Returns false when the text has neither form. The library checks whether the address exists.
bool split_address(const std::string& text, HostAndPort& result);

template <typename Value>
CLI::Validator one_of(std::vector<std::pair<std::string, Value>> choices) {
  return {[choices = std::move(choices)](std::string& text) {
            std::string names;
            for (const auto& [name, value] : choices) {
              if (text == name) {
                text = std::to_string(static_cast<int>(value));
                return std::string();
              }
              names += (names.empty() ? "" : ", ") + name;
            }
            return "'" + text + "' is not one of " + names;
          },
          ""};
}

}  // namespace chatd
