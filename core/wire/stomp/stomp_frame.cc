// See stomp_frame.h.
#include "wire/stomp/stomp_frame.h"

#include <algorithm>
#include <iterator>

namespace chat::wire {
namespace {

constexpr std::string_view kCommandNames[] = {"CONNECT",    "STOMP",     "SEND",    "SUBSCRIBE", "UNSUBSCRIBE",
                                              "ACK",        "NACK",      "BEGIN",   "COMMIT",    "ABORT",
                                              "DISCONNECT", "CONNECTED", "MESSAGE", "RECEIPT",   "ERROR"};
constexpr std::string_view kContentLength = "content-length";

// The character behind the backslash; '\0': the octet is written as it is.
char escape_of(char octet, StompVersion version) {
  switch (octet) {
    case '\\':
      return '\\';
    case '\n':
      return 'n';
    case ':':
      return 'c';
    case '\r':
      return version == StompVersion::v1_2 ? 'r' : '\0';
    default:
      return '\0';
  }
}

// Some version does not write the octet as it is.
constexpr bool may_change(char octet) {
  return octet == '\\' || octet == ':' || octet == '\n' || octet == '\r' || octet == '\0';
}

bool has_escapes(StompVersion version, StompCommand command) {
  return version != StompVersion::v1_0 && command != StompCommand::connect && command != StompCommand::connected;
}

// Readers in use end a frame at a NUL wherever it is, and many end a line at a CR LF in every version.
void append_escaped(std::string& out, StompVersion version, std::string_view text) {
  while (true) {
    const auto plain = static_cast<std::size_t>(std::ranges::find_if(text, may_change) - text.begin());
    out += text.substr(0, plain);
    if (plain == text.size()) return;
    const char octet = text[plain];
    text.remove_prefix(plain + 1);
    if (const char escape = escape_of(octet, version); escape != '\0') {
      out += '\\';
      out += escape;
    } else {
      out += octet == '\0' || octet == '\r' ? ' ' : octet;
    }
  }
}

void append_plain(std::string& out, std::string_view text, bool is_name) {
  for (const char octet : text) {
    const bool ends_it = octet == '\n' || octet == '\r' || octet == '\0' || (is_name && octet == ':');
    out += ends_it ? ' ' : octet;
  }
}

void append_headers(std::string& out, StompVersion version, StompCommand command, const Pairs& headers) {
  for (const Pair& header : headers) {
    if (header.name != kContentLength) append_stomp_header(out, version, command, header.name, header.value);
  }
}

// Everything behind the headers that the caller wrote.
void append_rest(std::string& out, StompVersion version, StompCommand command, std::string_view body) {
  if (!body.empty()) append_stomp_header(out, version, command, kContentLength, std::to_string(body.size()));
  out += '\n';
  out += body;
  out += '\0';
}

}  // namespace

std::string_view name_of(StompVersion version) {
  constexpr std::string_view kNames[] = {"1.0", "1.1", "1.2"};
  return kNames[static_cast<std::size_t>(version)];
}

std::string_view name_of(StompCommand command) { return kCommandNames[static_cast<std::size_t>(command)]; }

std::optional<StompCommand> find_stomp_command(std::string_view name) {
  const auto* found = std::find(std::begin(kCommandNames), std::end(kCommandNames), name);
  if (found == std::end(kCommandNames)) return std::nullopt;
  return static_cast<StompCommand>(found - std::begin(kCommandNames));
}

bool may_have_body(StompCommand command) {
  return command == StompCommand::send || command == StompCommand::message || command == StompCommand::error;
}

const std::string* StompFrame::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const Pair& h) { return h.name == name; });
  return found == headers.end() ? nullptr : &found->value;
}

void append_stomp_header(std::string& out, StompVersion version, StompCommand command, std::string_view name,
                         std::string_view value) {
  if (has_escapes(version, command)) {
    append_escaped(out, version, name);
    out += ':';
    append_escaped(out, version, value);
  } else {
    append_plain(out, name, true);
    out += ':';
    append_plain(out, value, false);
  }
  out += '\n';
}

std::string encode_stomp(const StompFrame& frame, StompVersion version) {
  std::string out(name_of(frame.command));
  out += '\n';
  append_headers(out, version, frame.command, frame.headers);
  append_rest(out, version, frame.command, frame.body);
  return out;
}

std::string stomp_message_head(StompVersion version, const std::string* subscription, std::string_view ack) {
  std::string out(name_of(StompCommand::message));
  out += '\n';
  if (subscription) append_stomp_header(out, version, StompCommand::message, "subscription", *subscription);
  if (!ack.empty()) append_stomp_header(out, version, StompCommand::message, "ack", ack);
  return out;
}

std::string stomp_message_tail(StompVersion version, const Pairs& headers, std::string_view body) {
  std::string out;
  constexpr std::size_t kAround = 40;  // the length of the body, line ends and escapes
  std::size_t bytes = body.size() + kAround;
  for (const Pair& header : headers) bytes += header.name.size() + header.value.size() + 2;
  out.reserve(bytes);
  append_headers(out, version, StompCommand::message, headers);
  append_rest(out, version, StompCommand::message, body);
  return out;
}

}  // namespace chat::wire
