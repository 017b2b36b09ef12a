// See redis_url.h. No error quotes the URL: an unencoded '/' or '?' in a password would move it to any other part.
#include "redis/redis_url.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

namespace chat::redis {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::size_t kMaxAddresses = 64;
constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;

struct Scheme {
  std::string_view name;
  RedisTarget::Kind kind;
  bool tls;
  bool unix_socket;
};
constexpr Scheme kSchemes[] = {
    {"redis://", RedisTarget::Kind::single, false, false},
    {"rediss://", RedisTarget::Kind::single, true, false},
    {"unix://", RedisTarget::Kind::single, false, true},
    {"redis+sentinel://", RedisTarget::Kind::sentinel, false, false},
    {"rediss+sentinel://", RedisTarget::Kind::sentinel, true, false},
};

Status fault(std::string_view what) {
  return {Error::invalid_argument, std::string("the URL of Redis is invalid: ").append(what)};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return !text.empty() && error == std::errc() && stop == end;
}

// One "host", "host:port" or "[IPv6]:port".
Status parse_address(std::string_view text, std::uint16_t default_port, RedisAddress& address) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  const bool bracketed = !text.empty() && text.front() == '[';
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return fault("an IPv6 address lacks its closing bracket");
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':') return fault("only a port may follow an IPv6 address in brackets");
    if (has_port) port.remove_prefix(1);
    if (host.find(':') == std::string_view::npos) return fault("the brackets hold no IPv6 address");
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
    if (port.find(':') != std::string_view::npos) return fault("an IPv6 address must be in brackets");
  }
  std::optional<std::string> decoded = percent_decode(host);
  if (!decoded) return fault("a percent sign is not followed by two hexadecimal digits");
  if (decoded->empty()) return fault("a host is missing");
  if (has_control(*decoded)) return fault("a host has a space or a control character");
  address.port = default_port;
  if (has_port && (!parse_number(port, address.port) || address.port == 0)) {
    return fault("a port must be a number from 1 to 65535");
  }
  address.host = std::move(*decoded);
  return {};
}

Status parse_addresses(std::string_view list, RedisTarget& target) {
  const bool sentinels = target.kind == RedisTarget::Kind::sentinel;
  for (;;) {
    const std::size_t comma = list.find(',');
    RedisAddress address;
    if (Status status = parse_address(list.substr(0, comma), sentinels ? kSentinelPort : kRedisPort, address);
        !status.ok()) {
      return status;
    }
    if (target.addresses.size() == kMaxAddresses) return fault("it has more than 64 hosts");
    target.addresses.push_back(std::move(address));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  if (!sentinels && target.addresses.size() > 1) target.kind = RedisTarget::Kind::cluster;
  return {};
}

// "user:password", ":password" or "user".
Status parse_login(std::string_view text, RedisTarget& target) {
  const std::size_t colon = text.find(':');
  std::optional<std::string> user = percent_decode(text.substr(0, colon));
  std::optional<std::string> password =
      percent_decode(colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
  if (!user || !password) return fault("a percent sign is not followed by two hexadecimal digits");
  if (!user->empty() && password->empty()) return fault("it has a user but no password");
  target.user = std::move(*user);
  target.password = std::move(*password);
  return {};
}

Status parse_db(std::string_view text, RedisTarget& target) {
  if (text.empty()) return {};
  if (!parse_number(text, target.db) || target.db < 0) return fault("the database must be a number from 0");
  if (target.kind == RedisTarget::Kind::cluster && target.db != 0) return fault("a Redis Cluster has only database 0");
  return {};
}

// What follows the hosts: "", "/db", or "/primary/db" with Sentinel.
Status parse_path(std::string_view path, RedisTarget& target) {
  if (!path.empty()) path.remove_prefix(1);
  std::string_view db = path;
  if (target.kind == RedisTarget::Kind::sentinel) {
    const std::size_t slash = path.find('/');
    std::optional<std::string> name = percent_decode(path.substr(0, slash));
    if (!name) return fault("a percent sign is not followed by two hexadecimal digits");
    if (name->empty()) return fault("with Sentinel, the name of the primary follows the hosts, after a slash");
    if (has_control(*name)) return fault("the name of the primary has a space or a control character");
    target.primary_name = std::move(*name);
    db = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return parse_db(db, target);
}

Status parse_socket_path(std::string_view path, RedisTarget& target) {
  std::optional<std::string> decoded = percent_decode(path);
  if (!decoded) return fault("a percent sign is not followed by two hexadecimal digits");
  if (decoded->size() < 2 || decoded->find('\0') != std::string::npos)
    return fault("the path of the socket is missing");
  if (decoded->size() > kMaxSocketPathBytes) return fault("the path of the socket is too long for a UNIX socket");
  target.addresses.push_back({.path = std::move(*decoded)});
  return {};
}

Status parse_query(std::string_view query, bool unix_socket, RedisTarget& target) {
  std::string verify;
  std::string db;
  struct Key {
    std::string_view name;
    bool allowed;
    std::string& value;
    bool seen = false;
  };
  const bool sentinel = target.kind == RedisTarget::Kind::sentinel;
  Key keys[] = {{"ca", target.tls, target.ca_file},
                {"cert", target.tls, target.cert_file},
                {"key", target.tls, target.key_file},
                {"verify", target.tls, verify},
                {"db", unix_socket, db},
                {"sentinel_password", sentinel, target.sentinel_password}};
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return fault("a key of the query has no value");
    std::optional<std::string> value = percent_decode(pair.substr(equals + 1));
    if (!value) return fault("a percent sign is not followed by two hexadecimal digits");
    const std::string_view name = pair.substr(0, equals);
    Key* const key =
        std::find_if(std::begin(keys), std::end(keys), [&](const Key& known) { return known.name == name; });
    if (key == std::end(keys)) {
      return fault("the query has an unknown key; there are ca, cert, key, verify, sentinel_password and db");
    }
    const std::string named(key->name);
    if (!key->allowed) {
      const std::string_view where = name == "db"                  ? "unix://"
                                     : name == "sentinel_password" ? "redis+sentinel:// and rediss+sentinel://"
                                                                   : "rediss:// and rediss+sentinel://";
      return fault(std::string("the key ").append(named).append(" of the query is only for ").append(where));
    }
    if (std::exchange(key->seen, true)) return fault("the query has the key " + named + " twice");
    if (value->empty()) return fault("the key " + named + " of the query is empty");
    if (name != "sentinel_password" && value->find('\0') != std::string::npos) {
      return fault("the key " + named + " of the query has a zero byte");
    }
    key->value = std::move(*value);
  }
  if (!verify.empty() && verify != "yes" && verify != "no") return fault("verify must be yes or no");
  target.verify = verify != "no";
  if (Status status = parse_db(db, target); !status.ok()) return status;
  if (target.cert_file.empty() != target.key_file.empty()) return fault("cert and key belong together");
  return {};
}

}  // namespace

std::string describe(const RedisAddress& address) {
  if (!address.path.empty()) return address.path;
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string RedisTarget::describe() const {
  if (addresses.empty()) return "nothing";
  if (!addresses.front().path.empty()) {
    return "unix://" + addresses.front().path + (db == 0 ? "" : "?db=" + std::to_string(db));
  }
  std::string text(tls ? "rediss" : "redis");
  text += kind == Kind::sentinel ? "+sentinel://" : "://";
  for (const RedisAddress& address : addresses) {
    if (&address != &addresses.front()) text += ',';
    text += redis::describe(address);
  }
  if (kind == Kind::sentinel) text += "/" + primary_name;
  if (db != 0) text += "/" + std::to_string(db);
  return text;
}

Result<RedisTarget> parse_redis_url(std::string_view url) {
  const Scheme* const scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                            [&](const Scheme& known) { return url.starts_with(known.name); });
  if (scheme == std::end(kSchemes)) {
    return fault("it must begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://");
  }
  url.remove_prefix(scheme->name.size());
  RedisTarget target;
  target.kind = scheme->kind;
  target.tls = scheme->tls;
  std::string_view query;
  if (const std::size_t mark = url.find('?'); mark != std::string_view::npos) {
    query = url.substr(mark + 1);
    url = url.substr(0, mark);
  }
  std::size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  const std::string_view path = slash == std::string_view::npos ? std::string_view() : url.substr(slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (Status status = parse_login(authority.substr(0, at), target); !status.ok()) return status;
    authority.remove_prefix(at + 1);
  }
  Status status;
  if (scheme->unix_socket) {
    if (!authority.empty()) return fault("the path of the socket must begin with a slash: unix:///path");
    status = parse_socket_path(path, target);
  } else {
    status = parse_addresses(authority, target);
    if (status.ok()) status = parse_path(path, target);
  }
  if (status.ok()) status = parse_query(query, scheme->unix_socket, target);
  if (!status.ok()) return status;
  return target;
}

}  // namespace chat::redis
