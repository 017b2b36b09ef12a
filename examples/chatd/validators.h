// What the values of chatd's options may be. The lines of a file are checked with the same validators as the command line. A
// validator returns what is wrong with a value, or an empty string; it may rewrite the value for CLI11.
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

// By the end of its name: "max-message-bytes", "ping-interval-ms".
Unit unit_of_option(const std::string& name);

CLI::Validator not_empty();
// Numbers without a unit are in the option's own: 64k is 65,536 bytes, 25s is 25,000 milliseconds. Zero is the library's default,
// so a number that is given must be `low` or more.
CLI::Validator number_from(std::int64_t low, std::int64_t high = kHighest, Unit unit = Unit::none);
// Or "off", which becomes CHAT_UNLIMITED.
CLI::Validator number_or_off(std::int64_t low, Unit unit = Unit::none);
CLI::Validator path_or_off();
CLI::Validator endpoint_text();
CLI::Validator address_text();

// An address with an optional port: "127.0.0.1", "localhost:8080", "[::1]:8080", "::1".
struct HostAndPort {
  std::string host;  // an address without brackets
  int port = -1;     // -1: none was given
};
// False: the text is neither of these. Whether the address exists is for the library to find out.
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
