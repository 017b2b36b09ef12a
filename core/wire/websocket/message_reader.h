// WebSocket messages from a client (RFC 6455, RFC 7692): bytes as they were received in, messages and control frames out.
// Fragments are put together within a limit, compressed messages are inflated within the same limit, and text is checked as
// it comes. No I/O; what is to be answered, and when, is the caller's part.
//
// A connection that says nothing costs the object alone: buffers come with a message that is not in one piece, and larger
// ones go with it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/utf8_validator.h"
#include "wire/websocket/frame_reader.h"
#include "wire/websocket/inflater.h"

namespace chat::wire {

class MessageReader {
 public:
  struct Event {
    enum class Kind : std::uint8_t {
      more,     // the input is used up
      message,  // `binary`, `bytes`
      ping,     // `bytes`: its payload, for the pong
      pong,     // `bytes`: its payload
      close,    // `code`, `bytes`: the reason, `answer`
      failure,  // `code`, `reason`
    };
    Kind kind = Kind::more;
    bool binary = false;
    // close: as the client sent it, 1005 when it sent none. failure: what to close the connection with (1002, 1007, 1009).
    std::uint16_t code = 0;
    // close: the code to answer with; 0: a close frame without a body.
    std::uint16_t answer = 0;
    std::string_view bytes;   // valid until the next call; may lie in `input`
    const char* reason = "";  // failure: a short sentence
  };

  explicit MessageReader(std::size_t max_message_bytes);
  ~MessageReader();

  // permessage-deflate was agreed on: RSV1 on a message's first frame means that it is compressed. With
  // `client_no_context_takeover` no message refers to an earlier one.
  void allow_deflate(bool client_no_context_takeover);

  // Takes what it uses from the front of `input`, which it unmasks in place. One event for each call: call again until
  // `more`. After `close` and `failure` everything is thrown away.
  Event next(std::span<char>& input);

  // Of a message that is not whole.
  std::size_t held_bytes() const { return message_.capacity(); }

 private:
  struct Control {  // a control frame's payload that came in pieces
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
  std::string message_;  // what is here of a message that did not come in one piece
  std::unique_ptr<Control> control_;
  std::unique_ptr<Inflater> inflater_;
  Utf8Validator utf8_;
  bool deflate_allowed_ : 1 = false;
  bool no_context_takeover_ : 1 = false;
  bool in_message_ : 1 = false;  // one has begun; the next two are about it
  bool binary_ : 1 = false;
  bool compressed_ : 1 = false;
  bool ended_ : 1 = false;
};

}  // namespace chat::wire
