// See stomp_codec.h.
#include "wire/stomp/stomp_codec.h"

#include <iterator>
#include <utility>

#include "model/names.h"
#include "wire/stomp/stomp_content.h"

namespace chat::wire {
namespace {

// Of a form, beside the version in the lowest bits.
constexpr WireForm kVersionMask = 0x3;
constexpr WireForm kTextOnly = 0x10;
constexpr WireForm kDirect = 0x20;
constexpr WireForm kPresence = 0x40;
constexpr WireForm kChanges = 0x80;

// The queue of messages with the default event, whose name says nothing.
constexpr std::string_view kDefaultQueue = "messages";

}  // namespace

StompCodec::StompCodec(StompVersion version, const StompPrefixes& prefixes, bool text_only)
    : prefixes_(prefixes),
      form_(static_cast<WireForm>(Protocol::stomp) << 56 | static_cast<WireForm>(version) |
            (text_only ? kTextOnly : 0)) {}

WireForm StompCodec::presence_form(WireForm form) { return form | kPresence; }

WireForm StompCodec::changes_form(WireForm form) { return form | kChanges; }

WireForm StompCodec::direct_form() const { return form_ | kDirect; }

std::string_view StompCodec::queue_of(const Message& message) {
  return message.event == kDefaultEvent ? kDefaultQueue : std::string_view(message.event);
}

std::optional<Packet> StompCodec::encode_body(const Message& message, WireForm form) const {
  if ((message.presence != nullptr) != ((form & kPresence) != 0)) return std::nullopt;
  // A client that does not know changes would show them as new messages.
  if (message.changes_message() && (form & kChanges) == 0) return std::nullopt;
  if (message.event_kind == RoomEventKind::message && message.extra->redacted) return std::nullopt;
  const bool direct = (form & kDirect) != 0;
  const StompDestination destination =
      direct ? StompDestination{StompDestinationKind::user_queue, std::string(queue_of(message))}
             : StompDestination{StompDestinationKind::room,
                                message.presence ? message.room + std::string(kStompPresenceSuffix) : message.room};
  StompMessageContent content = encode_stomp_content(message, (form & kTextOnly) != 0);
  Pairs headers{{"destination", encode_stomp_destination(prefixes_, destination)},
                {"message-id", stomp_message_id(message)}};
  headers.insert(headers.end(), std::move_iterator(content.headers.begin()), std::move_iterator(content.headers.end()));
  const auto version = static_cast<StompVersion>(form & kVersionMask);
  return Packet{content.binary, stomp_message_tail(version, headers, content.body)};
}

}  // namespace chat::wire
