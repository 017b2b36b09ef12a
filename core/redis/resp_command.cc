// See resp_command.h.
#include "redis/resp_command.h"

#include <algorithm>
#include <charconv>

namespace chat::redis {
namespace {

constexpr std::string_view kConfirmations[] = {"subscribe",    "unsubscribe", "psubscribe",
                                               "punsubscribe", "ssubscribe",  "sunsubscribe"};
constexpr std::string_view kMessages[] = {"message", "pmessage", "smessage"};
constexpr std::size_t kMaxPrintableBytes = 200;

std::size_t digits(std::size_t number) {
  std::size_t count = 1;
  for (; number >= 10; number /= 10) ++count;
  return count;
}

void append_number(std::string& bytes, char type, std::size_t number) {
  char text[24];
  bytes.push_back(type);
  bytes.append(text, std::to_chars(text, text + sizeof text, number).ptr);
  bytes.append("\r\n", 2);
}

bool same_word(std::string_view command, std::string_view lower_case) {
  return std::equal(command.begin(), command.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
}

}  // namespace

std::size_t encoded_size(std::span<const std::string_view> args) {
  std::size_t size = 1 + digits(args.size()) + 2;
  for (const std::string_view arg : args) size += 1 + digits(arg.size()) + 2 + arg.size() + 2;
  return size;
}

void append_command(std::string& bytes, std::span<const std::string_view> args) {
  append_number(bytes, '*', args.size());
  for (const std::string_view arg : args) {
    append_number(bytes, '$', arg.size());
    bytes.append(arg).append("\r\n", 2);
  }
}

std::string_view confirmation_of(std::string_view command) {
  for (const std::string_view kind : kConfirmations) {
    if (same_word(command, kind)) return kind;
  }
  return {};
}

std::string_view kind_of_push(const Value& value) {
  if (!value.is_array() || value.items.size() < 3 || !value.items[0].is_text()) return {};
  const std::string_view kind = value.items[0].text;
  const bool push = std::find(std::begin(kMessages), std::end(kMessages), kind) != std::end(kMessages) ||
                    std::find(std::begin(kConfirmations), std::end(kConfirmations), kind) != std::end(kConfirmations);
  return push ? kind : std::string_view();
}

std::string printable(std::string_view text) {
  std::string shown(text.substr(0, kMaxPrintableBytes));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kMaxPrintableBytes) shown += "...";
  return shown;
}

}  // namespace chat::redis
