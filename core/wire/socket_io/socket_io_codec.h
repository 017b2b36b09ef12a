// Socket.IO protocol 5 for one client, which is one namespace socket: its events to drafts for the
// namespace's room, messages and replies to packets. Attachments are put together before
// (SocketIoAssembler), and the 4 of Engine.IO's message is put in front behind.
//
// With recovery on, numbered messages carry their offset as a last string argument. The official
// client takes any last string for an offset, so an event that is not numbered and ends with a
// string gets a null behind it, and one that wants an acknowledgement needs nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.h"
#include "wire/socket_io/socket_io_namespace.h"
#include "wire/socket_io/socket_io_packet.h"

namespace chat::wire {

class SocketIoCodec final : public Codec {
 public:
  // sid: the socket's public id. pid: its private one for recovery; empty when that is off, which
  // is the same for all clients of a server.
  SocketIoCodec(SocketIoNamespacePtr nsp, std::string sid, std::string pid);

  const SocketIoNamespace& nsp() const { return *nsp_; }
  const std::string& sid() const { return sid_; }
  const std::string& pid() const { return pid_; }

  // An event of this namespace, with its attachments.
  Decoded decode(const SocketIoPacket& packet, std::vector<std::string> attachments) const;

  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  Packets encode_with_ack(const Message& message, std::uint64_t ack_id) const override;

  Packets disconnect() const;

  WireForm form() const override;

 private:
  Packets encode_event(const Message& message, std::string_view ack_id) const;
  Packets encode_ack(const std::string& ref, std::string_view args,
                     const std::vector<std::string>& attachments = {}) const;

  const SocketIoNamespacePtr nsp_;
  const std::string sid_;
  const std::string pid_;
};

}  // namespace chat::wire
