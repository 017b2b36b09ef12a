// chat_room_restore(): reads the messages that an application has kept. Checks all of them before the hub gets any.
#include <string_view>
#include <utility>
#include <vector>

#include "handle.h"
#include "message.h"
#include "sized.h"

using chat::Error;
using chat::Message;
using chat::Result;
using chat::Status;
using chat::capi::find_live_server;
using chat::capi::guarded;
using chat::capi::kRequiredBytes;
using chat::capi::read_room;
using chat::capi::read_sized;
using chat::net::Server;

namespace {

using Messages = std::vector<std::shared_ptr<Message>>;

// Reads one message, with its seq and time.
Status read_kept(const chat_message &item, const std::string &room, const std::string &epoch,
                 std::int64_t max_message_bytes, Messages &messages) {
  chat_message given = {};
  Status status = read_sized(&item, kRequiredBytes<chat_message>, "message", given);
  if (!status.ok()) return status;
  if (given.ephemeral != 0) return {Error::invalid_argument, "message.ephemeral is set: it was not kept"};
  if (given.room != nullptr && room != given.room) {
    return {Error::invalid_argument, "message.room is " + std::string(given.room) + ", not " + room};
  }
  if (given.epoch != nullptr && epoch != given.epoch) {
    return {Error::invalid_argument, "message.epoch is " + std::string(given.epoch) + ", not " + epoch};
  }
  Result<std::shared_ptr<Message>> read = chat::capi::read_message(&item, max_message_bytes);
  if (!read.ok()) return read.status();
  Message &message = **read;
  status = chat::capi::read_sender(given, message.sender);
  if (!status.ok()) return {status.code, "message." + status.detail};
  if (given.event_kind != CHAT_EVENT_MESSAGE) return {Error::invalid_argument, "message.event_kind: not a message"};
  if (given.edited_ms != 0) message.extra.make().edited_ms = given.edited_ms;
  if (given.redacted != 0) message.extra.make().redacted = true;
  message.seq = given.seq;
  message.time_ms = given.time_ms;
  messages.push_back(std::move(*read));
  return {};
}

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
    Status status = item->struct_size == stride
                        ? read_kept(*item, room, epoch, max_message_bytes, result)
                        : Status{Error::invalid_argument, "message.struct_size differs from that of the first one"};
    if (!status.ok()) return {status.code, "messages[" + std::to_string(i) + "]" + without_noun(status.detail)};
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
