// The wire forms that a client of the load can have: what it sends, and how it counts the messages that it receives. A form
// knows no socket: bytes in, bytes out. It looks at no more of what it receives than counting needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client.h"

namespace bench {

// Receives the labels ("@PPPPP SSSSSSSSSS ") of the messages that a publisher receives.
class LabelSink {
 public:
  virtual void hear(Client& listener, std::string_view label) = 0;

 protected:
  ~LabelSink() = default;
};

class Form {
 public:
  virtual ~Form() = default;

  // What a new client sends first.
  virtual std::string hello(const Client& client) const = 0;

  // Handles bytes until the client is a member of its room. Returns how many are used. What the client must send is appended
  // to `out`.
  virtual std::size_t set_up(Client& client, std::string_view bytes, std::string& out) const = 0;

  // Counts the messages in what a member receives. Returns how many bytes are used.
  virtual std::size_t take(Client& client, std::string_view bytes, LabelSink& sink, std::string& out) const = 0;

  // The bytes of a message with this text, not masked, and where the masked payload begins.
  virtual std::string message(const Client& client, std::string_view text) const = 0;
};

// "plain", "chat.v1", "socket.io", "sockjs", "stomp", "centrifugo", "sse", "polling" (Socket.IO). nullptr for other names. Clients of sse and
// polling only receive.
std::unique_ptr<Form> make_form(std::string_view name);

// The name of a client's room.
std::string room_name(const Client& client);

// The client's room as a namespace in a packet. The first room is the default room, and thus the default namespace.
std::string socket_io_namespace(const Client& client);

}  // namespace bench
