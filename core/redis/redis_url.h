// The URL of a Redis: where it is, and how to log in.
//
//   redis://[[user]:password@]host[:6379][/db]                      TCP; rediss:// with TLS
//   redis://host1[:port],host2[:port]                               the seeds of a Redis Cluster
//   unix://[[user]:password@]/path/of.sock[?db=N]                   a UNIX socket
//   redis+sentinel://[[user]:password@]host1[:26379][,host2]/primary[/db]   asks Sentinel; rediss+sentinel:// with TLS
//
// Parts are percent-encoded. Keys of the query: ca, cert, key (files in PEM) and verify=no with TLS, sentinel_password with
// Sentinel, and db with a UNIX socket. Knows no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"

namespace chat::redis {

class TlsContext;

struct RedisAddress {
  std::string host;  // a name or an IP address, without brackets; empty for a UNIX socket
  std::uint16_t port = 0;
  std::string path;  // of a UNIX socket; empty for TCP

  bool operator==(const RedisAddress&) const = default;
};

// "127.0.0.1:6379", "[::1]:6379" or the path.
std::string describe(const RedisAddress& address);

struct RedisTarget {
  enum class Kind : std::uint8_t { single, sentinel, cluster };

  Kind kind = Kind::single;
  std::vector<RedisAddress> addresses;  // at least one: of Redis, of the sentinels, or of the cluster's seeds
  std::string primary_name;             // that the sentinels know

  std::string user;      // empty: Redis' default user
  std::string password;  // empty: none
  std::string sentinel_password;
  int db = 0;

  bool tls = false;
  bool verify = true;     // the certificate and its host name
  std::string ca_file;    // empty: the system's certificates
  std::string cert_file;  // of this client; with key_file
  std::string key_file;
  // Of TLS, shared by the connections to copies of this target; nullptr: see share_tls().
  std::shared_ptr<TlsContext> tls_context;

  // For logs: without user, password and files.
  std::string describe() const;
};

// invalid_argument with a sentence that never contains the password.
Result<RedisTarget> parse_redis_url(std::string_view url);

}  // namespace chat::redis
