// See redis_channels.h.
#include "wire/socket_io_cluster/redis_channels.h"

namespace chat::wire {
namespace {

std::string join(std::string_view prefix, std::string_view kind, std::string_view nsp) {
  std::string channel;
  channel.reserve(prefix.size() + kind.size() + nsp.size() + 2);
  channel += prefix;
  channel += kind;
  channel += '#';
  channel += nsp;
  channel += '#';
  return channel;
}

std::string with_suffix(const std::string& channel, std::string_view suffix) {
  std::string whole = channel;
  whole += suffix;
  whole += '#';
  return whole;
}

std::optional<std::string_view> suffix_of(std::string_view channel, std::string_view base) {
  if (!channel.starts_with(base)) return std::nullopt;
  channel.remove_prefix(base.size());
  if (channel.empty()) return channel;
  if (!channel.ends_with('#')) return std::nullopt;
  channel.remove_suffix(1);
  return channel;
}

}  // namespace

RedisChannels::RedisChannels(std::string_view prefix, std::string_view nsp)
    : main_(join(prefix, "", nsp)),
      request_(join(prefix, "-request", nsp)),
      response_(join(prefix, "-response", nsp)) {}

std::string RedisChannels::main(std::string_view room_or_uid) const { return with_suffix(main_, room_or_uid); }

std::string RedisChannels::response(std::string_view uid) const { return with_suffix(response_, uid); }

std::string RedisChannels::main_pattern() const {
  std::string pattern;
  for (const char c : main_) {
    if (std::string_view("*?[]^\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + '*';
}

std::optional<std::string_view> RedisChannels::suffix_of_main(std::string_view channel) const {
  return suffix_of(channel, main_);
}

std::optional<std::string_view> RedisChannels::suffix_of_response(std::string_view channel) const {
  return suffix_of(channel, response_);
}

}  // namespace chat::wire
