// The Pub/Sub channels of one namespace: of @socket.io/redis-adapter 7 and 8 (classic and sharded), of
// @socket.io/redis-emitter, and of @socket.io/redis-streams-adapter for what it does not put into its stream.
//
// | channel | classic | sharded | streams |
// |---|---|---|---|
// | `socket.io#/nsp#` | broadcasts to no room or several | everything | broadcasts with acknowledgement, requests |
// | `socket.io#/nsp#ROOM#` | broadcasts to one room | the same, in its dynamic modes | |
// | `socket.io#/nsp#UID#` | | answers to a node | answers to a node |
// | `socket.io-request#/nsp#` | requests | | |
// | `socket.io-response#/nsp#` | answers to everyone | | |
// | `socket.io-response#/nsp#UID#` | answers to a node, with publishOnSpecificResponseChannel | | |
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chat::wire {

class RedisChannels {
 public:
  // prefix: the adapters' option `key` or `channelPrefix`.
  RedisChannels(std::string_view prefix, std::string_view nsp);

  const std::string& main() const { return main_; }
  const std::string& request() const { return request_; }
  const std::string& response() const { return response_; }
  // The channel of a room or, in the main channel's family, of a node.
  std::string main(std::string_view room_or_uid) const;
  std::string response(std::string_view uid) const;

  // For PSUBSCRIBE: main() and the channels of all rooms. Characters that a pattern gives a meaning are escaped.
  std::string main_pattern() const;

  // The room or node of a channel of main(), and the node of a channel of response(). Empty: the channel without one.
  // nullopt: it is another channel.
  std::optional<std::string_view> suffix_of_main(std::string_view channel) const;
  std::optional<std::string_view> suffix_of_response(std::string_view channel) const;

 private:
  std::string main_;
  std::string request_;
  std::string response_;
};

}  // namespace chat::wire
