// See guest_settings.h.
#include "guest/guest_settings.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "model/names.h"
#include "wire/http/syntax.h"
#include "wire/json/json.h"

namespace chat::guest {
namespace {

constexpr std::size_t kMaxNamespaces = 64;
constexpr std::size_t kMaxPrefixBytes = 128;
constexpr std::uint64_t kMaxStreams = 64;
constexpr std::uint64_t kMaxLength = 1'000'000'000;

Status fault(std::string what) { return {Error::invalid_argument, std::move(what)}; }

// A part of the name of a channel or a key.
bool is_prefix(std::string_view text) {
  return !text.empty() && text.size() <= kMaxPrefixBytes &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Status read_namespaces(std::string_view list, std::vector<std::string>& namespaces) {
  namespaces.clear();
  for (;;) {
    const std::string_view one = list.substr(0, list.find(','));
    const bool is_valid = one == "/" || (one.starts_with('/') && check_room_name(one.substr(1)).ok());
    if (!is_valid) return fault("namespaces: each is \"/\", or a slash and the name of a room");
    if (std::ranges::find(namespaces, one) != namespaces.end()) return fault("namespaces: one of them is there twice");
    if (namespaces.size() == kMaxNamespaces) return fault("namespaces: there are more than 64");
    namespaces.emplace_back(one);
    if (one.size() == list.size()) return {};
    list.remove_prefix(one.size() + 1);
  }
}

Status read_choice(std::string_view key, std::string_view value, std::string_view yes, std::string_view no, bool& is) {
  if (value != yes && value != no) {
    return fault(std::string(key) + " must be " + std::string(yes) + " or " + std::string(no));
  }
  is = value == yes;
  return {};
}

Status read_number(std::string_view key, std::string_view value, std::uint64_t most, std::uint64_t& number) {
  const std::optional<std::uint64_t> read = wire::json::parse_unsigned(value);
  if (!read || *read == 0 || *read > most) {
    return fault(std::string(key) + " must be a number from 1 to " + std::to_string(most));
  }
  number = *read;
  return {};
}

Status read_prefix(std::string_view key, const std::string& value, std::string& target) {
  if (!is_prefix(value)) return fault(std::string(key) + " must be 1 to 128 bytes of visible ASCII");
  target = value;
  return {};
}

// nullopt: it is a key of Redis.
std::optional<Status> read_key(std::string_view key, const std::string& value, GuestSettings& settings) {
  if (key == "adapter") {
    if (value == "redis") {
      settings.adapter = Adapter::redis;
    } else if (value == "sharded") {
      settings.adapter = Adapter::sharded;
    } else if (value == "streams") {
      settings.adapter = Adapter::streams;
    } else {
      return fault("adapter must be redis, sharded or streams");
    }
    return Status();
  }
  if (key == "namespaces") return read_namespaces(value, settings.namespaces);
  if (key == "room_prefix") {
    if (!check_room_name(value).ok()) return fault("room_prefix: " + check_room_name(value).detail);
    settings.room_prefix = value;
    return Status();
  }
  if (key == "prefix") return read_prefix(key, value, settings.prefix);
  if (key == "stream") return read_prefix(key, value, settings.stream);
  if (key == "python") return read_prefix(key, value, settings.python);
  if (key == "requests") return read_choice(key, value, "yes", "no", settings.answers);
  if (key == "subscriptions") return read_choice(key, value, "dynamic", "static", settings.dynamic);
  if (key == "pubsub") return read_choice(key, value, "sharded", "plain", settings.sharded_pubsub);
  if (key == "max_length") return read_number(key, value, kMaxLength, settings.max_length);
  if (key == "streams") {
    std::uint64_t streams = 0;
    Status status = read_number(key, value, kMaxStreams, streams);
    settings.streams = static_cast<std::size_t>(streams);
    return status;
  }
  return std::nullopt;
}

// The adapters that know a key; empty: all, or it is none of ours.
std::vector<Adapter> owners_of(std::string_view key) {
  if (key == "requests") return {Adapter::redis};
  if (key == "subscriptions") return {Adapter::sharded};
  if (key == "stream" || key == "streams" || key == "max_length" || key == "pubsub") return {Adapter::streams};
  return {};
}

}  // namespace

Result<GuestSettings> parse_guest_url(std::string_view url) {
  GuestSettings settings;
  const std::size_t mark = url.find('?');
  std::string redis_url(url.substr(0, mark));
  std::string_view query = mark == std::string_view::npos ? std::string_view() : url.substr(mark + 1);
  std::string_view separator = "?";
  std::vector<std::string_view> seen;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const std::string_view encoded = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const std::optional<std::string> value = wire::percent_decoded(encoded);
    if (!value) return fault("a percent sign is not followed by two hexadecimal digits");
    const std::optional<Status> read = read_key(key, *value, settings);
    if (!read) {
      redis_url += separator;
      redis_url += pair;
      separator = "&";
      continue;
    }
    if (!read->ok()) return *read;
    if (std::ranges::find(seen, key) != seen.end())
      return fault("the query has the key " + std::string(key) + " twice");
    seen.push_back(key);
  }
  for (const std::string_view key : seen) {
    const std::vector<Adapter> owners = owners_of(key);
    if (!owners.empty() && std::ranges::find(owners, settings.adapter) == owners.end()) {
      return fault("the key " + std::string(key) + " is for another adapter");
    }
  }
  Result<redis::RedisTarget> target = redis::parse_redis_url(redis_url);
  if (!target.ok()) return target.status();
  if (target->kind == redis::RedisTarget::Kind::cluster) {
    return {Error::unsupported, "a Redis Cluster with several hosts is not supported"};
  }
  settings.target = std::move(*target);
  return settings;
}

}  // namespace chat::guest
