// What a message of a room looks like in STOMP, and the other way: the type of its body, the body, and its headers. docs/stomp.md
// has the table. STOMP has one body where other protocols have an event with arguments and attachments.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/command.h"
#include "model/message.h"
#include "model/types.h"
#include "wire/stomp/stomp_destination.h"

namespace chat::wire {

// The content of a SEND frame.
struct StompContent {
  std::optional<std::string> type;  // the header content-type
  Pairs headers;                    // of the client's own, each name once
  std::string body;
  std::optional<std::string> message_id;  // the header message-id
};

// A command without a ref. The destination is a room or an event. Errors: those of check_args() and check_attributes(),
// invalid_event, and invalid_argument for a malformed header.
Result<SendCommand> decode_stomp_content(StompContent content, const StompDestination& destination);

// The command of a SEND frame without a body to a room whose header `seen` is the number of a message: the client's user has
// read up to there. nullopt: the frame is a message.
std::optional<SeenCommand> decode_stomp_seen(const Pairs& headers, std::string_view body,
                                             const StompDestination& destination);

// The content of a MESSAGE frame: headers from content-type on, and the body.
struct StompMessageContent {
  Pairs headers;
  std::string body;
  bool binary = false;  // the body is not UTF-8
};

// text_only: bytes that are not UTF-8 are encoded in base64, for a transport of text.
StompMessageContent encode_stomp_content(const Message& message, bool text_only);

// Identifies a message: unique for a client, the same for all.
std::string stomp_message_id(const Message& message);

}  // namespace chat::wire
