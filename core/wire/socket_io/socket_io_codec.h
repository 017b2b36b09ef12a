// Socket.IO protocol 5 for one client, that is one namespace socket: converts events into drafts for the namespace's
// room, and messages and replies into packets. SocketIoAssembler has already added the attachments; the caller adds
// Engine.IO's message prefix "4".
//
// With recovery on, numbered messages carry their offset as an additional last string argument. The official client
// treats any last string as an offset. An unnumbered event that ends with a string therefore gets an additional null,
// unless it asks for an acknowledgement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.h"
#include "wire/socket_io/socket_io_namespace.h"
#include "wire/socket_io/socket_io_packet.h"

namespace chat::wire {

class SocketIoCodec final : public Codec {
 public:
  // sid: the socket's public id, which must outlive the codec. pid: its private id for recovery, empty when recovery is
  // off. takes_ids: an event with an acknowledgement may end with the id of its message, {"messageId":ID}. Recovery and ids are
  // server-wide options.
  SocketIoCodec(SocketIoNamespacePtr nsp, std::string_view sid, std::string pid, bool takes_ids = false);

  const SocketIoNamespace& nsp() const { return *nsp_; }
  const std::string& pid() const { return pid_; }

  // Decodes an event of this namespace with its attachments.
  Decoded decode(const SocketIoPacket& packet, std::vector<std::string> attachments) const;

  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  Packets encode_with_ack(const Message& message, std::uint64_t ack_id) const override;

  // A DISCONNECT packet for the namespace.
  Packets disconnect() const;

  WireForm form() const override;

 private:
  Packets encode_event(const Message& message, std::string_view ack_id) const;
  // Of an event that changes a message; empty: none.
  std::string_view change_name(RoomEventKind kind) const;
  static void append_change(std::string& text, const Message& event);
  // Decodes an event with such a name and the number of a message as its first argument. nullopt: it is another event.
  std::optional<Decoded> decode_change(std::string_view name, std::string_view args,
                                       std::vector<std::string>& attachments, std::string_view ack_id) const;
  // The same for an event that sets the read marker of the client's user.
  std::optional<Decoded> decode_seen(std::string_view name, std::string_view args, std::string_view ack_id) const;
  // Empty: the client has no word for it.
  Packets encode_seen(std::uint64_t seq) const;
  Packets encode_ack(const std::string& ref, std::string_view args,
                     const std::vector<std::string>& attachments = {}) const;

  const SocketIoNamespacePtr nsp_;
  const std::string_view sid_;
  const std::string pid_;
  const bool takes_ids_;
};

}  // namespace chat::wire
