// STOMP frames as tests write and read them. They are shown with "|" for the end of a line and "^" for NUL, without epochs, times and
// what varies of message ids.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <regex>
#include <string>
#include <string_view>
#include <utility>

namespace chat::test {

inline std::string frame(std::string_view command, std::initializer_list<std::string_view> headers = {},
                         std::string_view body = {}) {
  std::string text = std::string(command) + "\n";
  for (const std::string_view header : headers) text += std::string(header) + "\n";
  text += "\n" + std::string(body);
  text += '\0';
  return text;
}

inline std::string readable(std::string text) {
  std::replace(text.begin(), text.end(), '\n', '|');
  std::replace(text.begin(), text.end(), '\0', '^');
  static const std::pair<std::regex, const char*> kVarying[] = {
      {std::regex("epoch:[a-zA-Z0-9]+"), "epoch:*"},
      {std::regex("message-id:[a-zA-Z0-9]+-"), "message-id:*-"},
      {std::regex("m-[0-9]+"), "m-*"},
      {std::regex("\\*-[0-9]+\\|content-type:text/plain;charset=utf-8\\|"), "*|"},
      {std::regex("timestamp:[0-9]+\\|"), ""},
  };
  for (const auto& [pattern, by] : kVarying) text = std::regex_replace(text, pattern, by);
  return text;
}

}  // namespace chat::test
