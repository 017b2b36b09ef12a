// chat_room_restore(): reads the messages that an application has kept. Checks all of them before the hub gets any.
#include <string_view>
#include <utility>
#include <vector>

#include "handle.h"
#include "message.h"

using chat::Error;
using chat::Message;
using chat::Result;
using chat::Status;
using chat::capi::find_live_server;
using chat::capi::guarded;
using chat::capi::read_kept;
using chat::capi::read_room;
using chat::net::Server;

namespace {

using Messages = std::vector<std::shared_ptr<Message>>;

// Removes "message" from "message.data is not UTF-8", so that the index of the message can be put in its place.
std::string without_noun(const std::string &detail) {
  static constexpr std::string_view kNoun = "message";
  return detail.starts_with("message.") ? detail.substr(kNoun.size()) : ": " + detail;
}

Result<Messages> read_all(const chat_message *messages, std::size_t count, const std::string &room,
                          const std::string &epoch, std::int64_t max_message_bytes) {
  if (messages == nullptr || count == 0) return {Error::invalid_argument, "messages is empty"};
  const std::size_t stride = messages[0].struct_size;
  Messages result;
  for (std::size_t i = 0; i < count; ++i) {
    const auto *item =
        reinterpret_cast<const chat_message *>(reinterpret_cast<const unsigned char *>(messages) + i * stride);
    Result<std::shared_ptr<Message>> read =
        item->struct_size == stride
            ? read_kept(item, room, epoch, max_message_bytes)
            : Status{Error::invalid_argument, "message.struct_size differs from that of the first one"};
    if (!read.ok()) {
      return {read.status().code, "messages[" + std::to_string(i) + "]" + without_noun(read.status().detail)};
    }
    result.push_back(std::move(*read));
  }
  return result;
}

}  // namespace

chat_error chat_room_restore(chat_server *server, const char *room, const char *epoch, uint64_t seq,
                             const chat_message *messages, size_t message_count) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    if (epoch == nullptr) return {Error::invalid_argument, "epoch is NULL"};
    Result<Messages> kept =
        read_all(messages, message_count, *name, epoch, server->application.settings().max_message_bytes);
    if (!kept.ok()) return kept.status();
    // Not deferred in callbacks: on_authorize restores a room before its client joins.
    return (*running)->hub().restore_room(*name, epoch, seq, std::move(*kept), chat::net::current_moment());
  });
}
