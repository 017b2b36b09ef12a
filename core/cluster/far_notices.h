// How servers of a cluster write what they tell each other beside the messages of rooms.
//
//   "x" ID MESSAGE                                to a room or to everyone, by the channel
//   "u" ID SIZE USER SIZE ROOM MESSAGE            to all clients of a user
//   "k" ID CLIENT RANK SIZE USER REASON           out of the room
//   "d" ID CLIENT SIZE ROOM MESSAGE               to one client, on the channel of its server
//   "e" ID CLIENT WHOLE REASON                    ends a client, WHOLE 1: its connection; on the same channel
//   "n" ID NUMBER                                 has this number now; only the worker reads it
//
// ID is the server that tells it, a dot, and the number of the notice there; in "n" only the server.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hub/room_store.h"
#include "model/message.h"

namespace chat::cluster {

inline bool is_far_notice(char kind) { return kind == 'x' || kind == 'u' || kind == 'k' || kind == 'd' || kind == 'e'; }

std::string write_far_notice(const FarNotice& notice, const std::string& id);

struct HeardNotice {
  FarNotice notice;
  std::shared_ptr<Message> message;  // of a message; without another owner
};
// Without the kind and the server. room: of the channel; empty: that of everyone. nullopt: it is not well-formed.
std::optional<HeardNotice> read_far_notice(char kind, std::string_view text, const std::string& room);

// Whether it is told on the channel of one server, that of the client.
inline bool is_for_server(const FarNotice& notice) {
  return notice.client != 0 && notice.kind != FarNotice::Kind::kick;
}
// The room on whose channel it is told otherwise; empty: on that of everyone.
const std::string& channel_room(const FarNotice& notice);

}  // namespace chat::cluster
