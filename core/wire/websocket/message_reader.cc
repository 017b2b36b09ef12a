// See message_reader.h.
#include "wire/websocket/message_reader.h"

#include <cstring>
#include <utility>

#include "model/utf8.h"

namespace chat::wire {

static_assert(sizeof(MessageReader) <= 72, "each connection has one");

namespace {

constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kInvalidPayload = 1007;
constexpr std::uint16_t kTooLarge = 1009;

// Close codes that a client may send: RFC 6455 section 7.4 and the IANA registry, which added 1012 to 1014 later.
bool is_close_code(std::uint16_t code) {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

std::string_view view(std::span<char> bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

MessageReader::MessageReader(std::size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

MessageReader::~MessageReader() = default;

void MessageReader::allow_deflate(bool client_no_context_takeover) {
  deflate_allowed_ = true;
  no_context_takeover_ = client_no_context_takeover;
}

MessageReader::Event MessageReader::next(std::span<char>& input) {
  release_delivered();
  while (!ended_) {
    if (frames_.payload_left() == 0) {
      const char* reason = nullptr;
      switch (frames_.read_head(input, reason)) {
        case FrameReader::Outcome::more:
          return {};
        case FrameReader::Outcome::failure:
          return fail(kProtocolError, reason);
        case FrameReader::Outcome::head:
          break;
      }
      if (const Event failure = begin_frame(); failure.kind != Event::Kind::more) return failure;
    }
    const std::span<char> piece = frames_.take_payload(input);
    const Event event = is_control(frames_.opcode()) ? take_control(piece) : take_data(piece);
    if (event.kind != Event::Kind::more) return event;
    if (frames_.payload_left() != 0) return {};
  }
  input = {};
  return {};
}

// Frees the data of the last event.
void MessageReader::release_delivered() {
  if (!in_message_) message_.reset();
  if (control_ && (frames_.payload_left() == 0 || !is_control(frames_.opcode()))) control_.reset();
}

// Checks the rules that depend on earlier frames, and the size limit before memory is allocated.
MessageReader::Event MessageReader::begin_frame() {
  const Opcode opcode = frames_.opcode();
  if (is_control(opcode)) return {};
  if (opcode == Opcode::continuation) {
    if (!in_message_) return fail(kProtocolError, "there is no message to continue");
  } else {
    if (in_message_) return fail(kProtocolError, "the previous message is not complete");
    if (frames_.compressed() && !deflate_allowed_) return fail(kProtocolError, "RSV1 must be clear");
    in_message_ = true;
    binary_ = opcode == Opcode::binary;
    compressed_ = frames_.compressed();
    utf8_.reset();
  }
  // The size of a compressed frame is checked while it is inflated.
  if (!compressed_ && frames_.payload_left() > max_message_bytes_ - message_->size())
    return fail(kTooLarge, "the message is too long");
  return {};
}

MessageReader::Event MessageReader::take_control(std::span<char> piece) {
  std::string_view payload = view(piece);
  const bool whole = frames_.payload_left() == 0;
  if (!whole && !control_) control_ = std::make_unique<Control>();
  if (control_) {
    if (!piece.empty()) std::memcpy(control_->bytes + control_->size, piece.data(), piece.size());
    control_->size = static_cast<std::uint8_t>(control_->size + piece.size());
    payload = {control_->bytes, control_->size};
  }
  if (!whole) return {};
  if (frames_.opcode() == Opcode::close) return close(payload);
  Event event;
  event.kind = frames_.opcode() == Opcode::ping ? Event::Kind::ping : Event::Kind::pong;
  event.bytes = payload;
  return event;
}

MessageReader::Event MessageReader::take_data(std::span<char> piece) {
  const bool last = frames_.final() && frames_.payload_left() == 0;
  if (compressed_) return inflate(view(piece), last);
  if (!valid(view(piece))) return fail(kInvalidPayload, "text must be UTF-8");
  if (last && message_->empty()) return message(view(piece));  // in place: the usual case copies nothing
  message_.make().append(piece.data(), piece.size());
  return last ? message(*message_) : Event{};
}

MessageReader::Event MessageReader::inflate(std::string_view piece, bool last) {
  if (!inflater_) inflater_ = std::make_unique<Inflater>();
  std::string& inflated = message_.make();
  const std::size_t before = inflated.size();
  const Inflater::Outcome outcome = inflater_->append(piece, last, max_message_bytes_, inflated);
  if (!valid(std::string_view(inflated).substr(before))) return fail(kInvalidPayload, "text must be UTF-8");
  if (outcome == Inflater::Outcome::too_large) return fail(kTooLarge, "the message is too long");
  if (outcome == Inflater::Outcome::malformed) return fail(kInvalidPayload, "malformed compressed message");
  if (!last) return {};
  if (no_context_takeover_) inflater_.reset();
  return message(inflated);
}

bool MessageReader::valid(std::string_view piece) { return binary_ || utf8_.append(piece); }

MessageReader::Event MessageReader::message(std::string_view bytes) {
  if (!binary_ && !utf8_.complete()) return fail(kInvalidPayload, "text must be UTF-8");
  in_message_ = false;
  Event event;
  event.kind = Event::Kind::message;
  event.binary = binary_;
  event.bytes = bytes;
  return event;
}

MessageReader::Event MessageReader::close(std::string_view body) {
  if (body.size() == 1) return fail(kProtocolError, "a close frame's body begins with a code of two bytes");
  end();
  Event event;
  event.kind = Event::Kind::close;
  event.code = kNoStatus;
  if (body.empty()) return event;
  event.code =
      static_cast<std::uint16_t>(static_cast<unsigned char>(body[0]) << 8 | static_cast<unsigned char>(body[1]));
  const std::string_view reason = body.substr(2);
  const bool readable = is_utf8(reason);
  if (readable) event.bytes = reason;
  event.answer = !is_close_code(event.code) ? kProtocolError : !readable ? kInvalidPayload : event.code;
  return event;
}

MessageReader::Event MessageReader::fail(std::uint16_t code, const char* reason) {
  end();
  Event event;
  event.kind = Event::Kind::failure;
  event.code = code;
  event.reason = reason;
  return event;
}

void MessageReader::end() {
  ended_ = true;
  in_message_ = false;
  message_.reset();
  inflater_.reset();
}

}  // namespace chat::wire
