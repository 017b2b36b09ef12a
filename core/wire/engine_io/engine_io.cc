// See engine_io.h.
#include "wire/engine_io/engine_io.h"

#include <array>

#include "model/utf8.h"
#include "wire/base64.h"
#include "wire/json/json.h"

namespace chat::wire {
namespace {

constexpr char kSeparator = kEngineIoSeparator.front();
constexpr char kBase64Mark = 'b';

char digit_of(EngineIoType type) { return static_cast<char>('0' + static_cast<int>(type)); }

void separate(std::string& payload) {
  if (!payload.empty()) payload += kSeparator;
}

constexpr std::array<std::string_view, 6> kErrorMessages = {
    "Transport unknown", "Session ID unknown", "Bad handshake method",
    "Bad request",       "Forbidden",          "Unsupported protocol version"};

}  // namespace

std::optional<EngineIoPacket> decode_engine_io(bool binary, std::string_view bytes, std::string& storage) {
  if (binary) return EngineIoPacket{EngineIoType::message, true, bytes};
  if (bytes.empty()) return std::nullopt;
  const char first = bytes.front();
  bytes.remove_prefix(1);
  if (first == kBase64Mark) {
    storage = base64_decode_lenient(bytes);
    return EngineIoPacket{EngineIoType::message, true, storage};
  }
  if (first < '0' || first > digit_of(EngineIoType::noop)) return std::nullopt;
  return EngineIoPacket{static_cast<EngineIoType>(first - '0'), false, bytes};
}

EngineIoPayloadReader::EngineIoPayloadReader(std::string_view payload, std::size_t max_packets)
    : rest_(payload), packets_left_(max_packets), ok_(is_utf8(payload)) {}

bool EngineIoPayloadReader::next(EngineIoPacket& packet) {
  if (!ok_ || at_end_) return false;
  ok_ = false;
  if (packets_left_ == 0) return false;
  --packets_left_;
  const std::size_t end = rest_.find(kSeparator);
  const std::optional<EngineIoPacket> decoded = decode_engine_io(false, rest_.substr(0, end), storage_);
  if (!decoded) return false;
  at_end_ = end == std::string_view::npos;
  if (!at_end_) rest_.remove_prefix(end + 1);
  packet = *decoded;
  ok_ = true;
  return true;
}

std::string encode_engine_io(EngineIoType type, std::string_view data) {
  std::string text;
  append_engine_io(text, type, data);
  return text;
}

void append_engine_io(std::string& payload, EngineIoType type, std::string_view data) {
  separate(payload);
  payload += digit_of(type);
  payload += data;
}

void append_engine_io_message(std::string& out, bool binary, std::string_view bytes) {
  if (binary) {
    out += kBase64Mark;
    append_base64(out, bytes);
  } else {
    out += digit_of(EngineIoType::message);
    out += bytes;
  }
}

std::string_view cut_engine_io_packet(std::string_view& payload) {
  const std::size_t end = payload.find(kSeparator);
  const std::string_view packet = payload.substr(0, end);
  payload = end == std::string_view::npos ? std::string_view() : payload.substr(end + 1);
  return packet;
}

std::string handshake_json(const EngineIoHandshake& handshake) {
  std::string text = "{\"sid\":";
  json::append_quoted(text, handshake.sid);
  text += handshake.may_upgrade ? ",\"upgrades\":[\"websocket\"]" : ",\"upgrades\":[]";
  text += ",\"pingInterval\":";
  json::append_number(text, handshake.ping_interval_ms);
  text += ",\"pingTimeout\":";
  json::append_number(text, handshake.ping_timeout_ms);
  text += ",\"maxPayload\":";
  json::append_number(text, handshake.max_payload_bytes);
  text += '}';
  return text;
}

int http_status(EngineIoError error) { return error == EngineIoError::forbidden ? 403 : 400; }

std::string_view message_of(EngineIoError error) { return kErrorMessages[static_cast<std::size_t>(error)]; }

std::string error_json(EngineIoError error, std::string_view message) {
  std::string text = "{\"code\":";
  json::append_number(text, static_cast<std::uint64_t>(error));
  text += ",\"message\":";
  json::append_quoted(text, message.empty() ? message_of(error) : message);
  text += '}';
  return text;
}

}  // namespace chat::wire
