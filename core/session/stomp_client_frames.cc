// See stomp_client_frames.h.
#include "session/stomp_client_frames.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "model/names.h"
#include "wire/http/syntax.h"
#include "wire/json/json.h"

namespace chat::session {

using wire::StompDestination;
using wire::StompDestinationKind;
using wire::StompFrame;
using wire::StompVersion;

namespace {

Status invalid(std::string detail) { return {Error::invalid_argument, std::move(detail)}; }

std::optional<StompAckMode> find_ack_mode(const std::string* name) {
  if (!name || *name == "auto") return StompAckMode::automatic;
  if (*name == "client") return StompAckMode::client;
  if (*name == "client-individual") return StompAckMode::client_individual;
  return std::nullopt;
}

// Headers that say something to a server, or that a server writes.
bool is_reserved(std::string_view name) {
  constexpr std::string_view kReserved[] = {
      "destination", "content-length", "content-type", "transaction", "receipt",   "subscription", "message-id", "ack",
      "seq",         "epoch",          "sender",       "sender-id",   "timestamp", "args",         "attachments"};
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

}  // namespace

std::optional<std::string> header_of(const StompFrame& frame, std::string_view name) {
  const std::string* value = frame.header(name);
  return value ? std::optional(*value) : std::nullopt;
}

StompConnectFrame read_connect(const StompFrame& frame, StompVersion version) {
  const auto value = [&](std::string_view name) -> std::optional<std::string> {
    const std::string* text = frame.header(name);
    if (!text) return std::nullopt;
    return version == StompVersion::v1_0 ? std::string(wire::trim_blanks(*text)) : *text;
  };
  return {version, value("host").value_or(""), value("login"), value("passcode")};
}

Result<StompSubscribeFrame> read_subscribe(const StompFrame& frame, StompVersion version,
                                           const wire::StompPrefixes& prefixes) {
  StompSubscribeFrame read;
  const std::string* text = frame.header("destination");
  if (!text) return invalid("SUBSCRIBE needs a header destination");
  read.destination_text = *text;
  read.id = header_of(frame, "id");
  if (!read.id && version != StompVersion::v1_0) return invalid("SUBSCRIBE needs a header id");
  const auto ack = find_ack_mode(frame.header("ack"));
  if (!ack) return invalid("unknown value of the ack header");
  read.ack = *ack;
  const auto destination = wire::parse_stomp_destination(prefixes, *text);
  if (!destination || destination->kind == StompDestinationKind::application)
    return invalid("nothing can be subscribed to at this destination");
  read.destination = *destination;
  if (destination->kind == StompDestinationKind::room) {
    if (Status status = check_room_name(destination->name); !status.ok()) return status;
  }
  if (destination->name.size() > kMaxNameBytes)
    return invalid("the destination is too long");  // no event has such a name
  if (const std::string* last_seq = frame.header("last-seq")) {
    const auto seq = wire::json::parse_unsigned(*last_seq);
    const std::string* epoch = frame.header("epoch");
    if (!seq || !epoch || !check_epoch(*epoch).ok()) return invalid("last-seq is a number, and needs an epoch");
    read.since = Position{*epoch, *seq};
  }
  const std::string* changes = frame.header("changes");
  read.changes = changes != nullptr && *changes == "true";
  return read;
}

Result<StompDestination> read_send_destination(std::string_view text, const wire::StompPrefixes& prefixes) {
  auto destination = wire::parse_stomp_destination(prefixes, text);
  if (!destination || destination->kind == StompDestinationKind::user_queue)
    return invalid("nothing can be sent to this destination");
  const bool to_room = destination->kind == StompDestinationKind::room;
  Status status = to_room ? check_room_name(destination->name) : check_event_name(destination->name);
  if (!status.ok()) return status;
  return *std::move(destination);
}

Pairs own_headers(Pairs headers) {
  Pairs own;
  for (Pair& header : headers) {
    const bool repeated = std::any_of(own.begin(), own.end(), [&](const Pair& h) { return h.name == header.name; });
    if (!repeated && !is_reserved(header.name)) own.push_back(std::move(header));
  }
  return own;
}

}  // namespace chat::session
