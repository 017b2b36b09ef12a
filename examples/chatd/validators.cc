// See validators.h.
#include "validators.h"

#include <chat/chat.h>

#include <charconv>
#include <span>
#include <string_view>

#include "command_line.h"

namespace chatd {
namespace {

constexpr int kHighestPort = 65'535;

struct Factor {
  std::string_view unit;
  std::int64_t factor;
};
constexpr Factor kSizes[] = {{"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}};
constexpr Factor kTimes[] = {{"", 1}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Factor kNumbers[] = {{"", 1}};

std::span<const Factor> factors_of(Unit unit) {
  if (unit == Unit::bytes) return kSizes;
  if (unit == Unit::milliseconds) return kTimes;
  return kNumbers;
}

const char* example_of(Unit unit) {
  if (unit == Unit::bytes) return "a size such as 65536, 64k or 1m";
  if (unit == Unit::milliseconds) return "a time such as 25000, 25s, 500ms or 2h";
  return "a number";
}

// CLI11's AsNumberWithUnit reads numbers with a leading zero as octal, and accepts a unit without a number.
std::string read_number(const std::string& text, std::int64_t low, std::int64_t high, Unit unit, std::int64_t& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string_view written(stop, static_cast<std::size_t>(end - stop));
  bool good = error == std::errc();
  std::int64_t factor = 0;
  for (const Factor& known : factors_of(unit)) {
    if (CLI::detail::to_lower(std::string(written)) == known.unit) factor = known.factor;
  }
  good = good && factor != 0 && !__builtin_mul_overflow(number, factor, &number);
  if (good && number >= low && number <= high) return {};
  std::string range = " from " + std::to_string(low);
  range += high == kHighest ? " upwards" : " to " + std::to_string(high);
  return "'" + text + "' is not " + example_of(unit) + (unit == Unit::none || (good && number >= 0) ? range : "");
}

bool read_port(std::string_view text, int& port) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && stop == text.data() + text.size() && port >= 0 && port <= kHighestPort;
}

}  // namespace

Unit unit_of_option(const std::string& name) {
  if (name.ends_with("-bytes") || name.ends_with("-bytes-per-address")) return Unit::bytes;
  if (name.ends_with("-ms")) return Unit::milliseconds;
  return Unit::none;
}

CLI::Validator not_empty() {
  return {[](std::string& text) { return text.empty() ? std::string("the value is empty") : std::string(); }, ""};
}

CLI::Validator number_from(std::int64_t low, std::int64_t high, Unit unit) {
  return {[low, high, unit](std::string& text) {
            std::int64_t number = 0;
            std::string wrong = read_number(text, low, high, unit, number);
            if (wrong.empty()) text = std::to_string(number);
            return wrong;
          },
          ""};
}

CLI::Validator number_or_off(std::int64_t low, Unit unit) {
  return {[number = number_from(low, kHighest, unit)](std::string& text) {
            if (text != "off") return number(text);
            text = std::to_string(CHAT_UNLIMITED);
            return std::string();
          },
          ""};
}

CLI::Validator path_or_off() {
  return {[](std::string& text) {
            return text == "off" || text.starts_with('/') ? std::string()
                                                          : "'" + text + "' is neither a path like /chat nor off";
          },
          ""};
}

CLI::Validator endpoint_text() {
  return {[](std::string& text) {
            const std::size_t equals = text.rfind('=');
            const bool good = text.starts_with('/') && equals != std::string::npos &&
                              protocol_of(std::string_view(text).substr(equals + 1)) != 0;
            return good ? std::string()
                        : "'" + text +
                              "' is not PATH=PROTOCOL, such as /chat=plain, /chat.v1=chat.v1, /socket.io=socket.io or "
                              "/rooms=http";
          },
          ""};
}

CLI::Validator address_text() {
  return {[](std::string& text) {
            HostAndPort ignored;
            if (text.empty()) return std::string("the value is empty");
            return split_address(text, ignored)
                       ? std::string()
                       : "'" + text + "' is not an address, such as 127.0.0.1, localhost, [::1] or 127.0.0.1:3000";
          },
          ""};
}

bool split_address(const std::string& text, HostAndPort& result) {
  result = {};
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return false;
    result.host = text.substr(1, end - 1);
    rest = std::string_view(text).substr(end + 1);
    if (result.host.find(':') == std::string::npos) return false;
  } else {
    const std::size_t colon = text.find(':');
    // More than one colon: IPv6 without brackets, which cannot have a port.
    const bool has_port = colon != std::string::npos && text.find(':', colon + 1) == std::string::npos;
    result.host = has_port ? text.substr(0, colon) : text;
    rest = has_port ? std::string_view(text).substr(colon) : std::string_view();
  }
  if (CLI::detail::to_lower(result.host) == "localhost") result.host = "127.0.0.1";
  if (result.host.empty()) return false;
  return rest.empty() || (rest.front() == ':' && read_port(rest.substr(1), result.port));
}

}  // namespace chatd
