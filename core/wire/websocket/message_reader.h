// Reads WebSocket messages of a client (RFC 6455, RFC 7692): received bytes in, messages and control frames out. It
// reassembles fragments, inflates compressed messages within the same size limit, and validates text as it arrives. No
// I/O; the caller sends the replies.
//
// An idle connection costs only this object. Buffers are allocated for messages that arrive in pieces, and large ones
// are freed afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/boxed.h"
#include "model/utf8_validator.h"
#include "wire/websocket/frame_reader.h"
#include "wire/websocket/inflater.h"

namespace chat::wire {

class MessageReader {
 public:
  struct Event {
    enum class Kind : std::uint8_t {
      more,     // the input is consumed
      message,  // `binary`, `bytes`
      ping,     // `bytes`: its payload, for the pong
      pong,     // `bytes`: its payload
      close,    // `code`, `answer`; `bytes`: the reason
      failure,  // `code`, `reason`
    };
    Kind kind = Kind::more;
    bool binary = false;
    // close: the client's code, 1005 when it sent none. failure: the code to close with (1002, 1007, 1009).
    std::uint16_t code = 0;
    // close: the code to reply with; 0: reply without a body.
    std::uint16_t answer = 0;
    std::string_view bytes;   // valid until the next call; may point into `input`
    const char* reason = "";  // failure: a short sentence
  };

  // max_message_bytes: the limit of a message after reassembly and decompression.
  explicit MessageReader(std::size_t max_message_bytes);
  ~MessageReader();

  // Enables permessage-deflate: RSV1 on a message's first frame marks it as compressed. With
  // `client_no_context_takeover`, messages do not refer to earlier ones.
  void allow_deflate(bool client_no_context_takeover);

  // Consumes bytes from the front of `input`, unmasking them in place, and returns one event. Call it again until
  // `more`. After `close` and `failure` all input is discarded.
  Event next(std::span<char>& input);

  std::size_t max_message_bytes() const { return max_message_bytes_; }
  // Bytes held for an incomplete message.
  std::size_t held_bytes() const { return message_->capacity(); }

 private:
  struct Control {  // a control frame's payload that arrives in pieces
    std::uint8_t size = 0;
    char bytes[kMaxControlBytes];
  };

  void release_delivered();
  Event begin_frame();
  Event take_control(std::span<char> piece);
  Event take_data(std::span<char> piece);
  Event inflate(std::string_view piece, bool last);
  bool valid(std::string_view piece);
  Event message(std::string_view bytes);
  Event close(std::string_view body);
  Event fail(std::uint16_t code, const char* reason);
  void end();

  FrameReader frames_;
  std::size_t max_message_bytes_;
  Boxed<std::string> message_;  // the received part of a message that arrives in pieces
  std::unique_ptr<Control> control_;
  std::unique_ptr<Inflater> inflater_;
  Utf8Validator utf8_;
  bool deflate_allowed_ : 1 = false;
  bool no_context_takeover_ : 1 = false;
  bool in_message_ : 1 = false;  // a message has begun; binary_ and compressed_ describe it
  bool binary_ : 1 = false;
  bool compressed_ : 1 = false;
  bool ended_ : 1 = false;
};

}  // namespace chat::wire
