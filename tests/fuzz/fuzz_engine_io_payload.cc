// Any bytes as an Engine.IO payload, and as what happens to a session, request by request. What is read must be written
// again as it was; a session must answer each request once, and say nothing to those that are not there.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fuzz.h"
#include "model/utf8.h"
#include "session/engine_io_machine.h"
#include "support/engine_io_buffer.h"
#include "wire/engine_io/engine_io.h"

using namespace chat;
using namespace chat::fuzz;

namespace {

constexpr char kSeparator = '\x1e';

std::string write(const wire::EngineIoPacket& packet) {
  if (!packet.binary) return wire::encode_engine_io(packet.type, packet.data);
  std::string text;
  wire::append_engine_io_message(text, true, packet.data);
  return text;
}

void read_and_write(std::string_view payload) {
  constexpr std::size_t kMaxPackets = 1000;
  wire::EngineIoPayloadReader reader(payload, kMaxPackets);
  Input pieces(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size());
  std::size_t count = 0;
  for (wire::EngineIoPacket packet; reader.next(packet); ++count) {
    std::string_view piece;
    require(pieces.piece(kSeparator, piece));
    const std::string again = write(packet);
    if (packet.binary) {  // base64 is read leniently, and written in one way
      std::string bytes;
      const auto reread = wire::decode_engine_io(false, again, bytes);
      require(reread && reread->binary && reread->data == packet.data);
    } else {
      require(again == piece);
    }
    // The same packet when it comes alone, and read without a look at its neighbours.
    const Exact alone(piece);
    std::string storage;
    const auto decoded = wire::decode_engine_io(false, alone.view(), storage);
    require(decoded && decoded->type == packet.type && decoded->binary == packet.binary);
    require(decoded->data == packet.data && (packet.binary || is_utf8(packet.data)));
  }
  require(count <= kMaxPackets);
}

// The net layer's part: what it holds, and what may therefore be done to it.
class Driver {
 public:
  Driver(const session::EngineIoOptions& options, Transport transport)
      : websocket_(transport == Transport::websocket),
        polls_(websocket_ ? 0 : 1),
        engine_(options, queue_, "sid", transport) {
    engine_.open(now_ms_, out_);
    carry_out();
  }

  void handle(char event, std::string_view body) {
    switch (event) {
      case 'g':
        ++polls_;
        request_ = &polls_;
        engine_.poll(now_ms_, out_);
        break;
      case 'G':
        if (engine_.transport() == Transport::polling) polls_ = 0;
        engine_.poll_lost(out_);
        break;
      case 'p':
        if (begin_post("")) end_post(body);
        return;
      case 'b':
        begin_post(body);
        return;
      case 'e':
        end_post(body);
        return;
      case 't':
        engine_.post_too_large(out_);
        break;
      case 'P':
        posts_ = 0;
        engine_.post_lost(out_);
        break;
      case 'a':
        if (engine_.attach_websocket(now_ms_)) {
          require(!websocket_);
          websocket_ = true;
        }
        break;
      case 'w':
        if (is_utf8(body)) engine_.websocket_received(false, body, now_ms_, out_);
        break;
      case 'W':
        engine_.websocket_received(true, body, now_ms_, out_);
        break;
      case 'l':
        websocket_ = false;
        engine_.websocket_lost(out_);
        break;
      case 'q':
        if (is_utf8(body) && body.find(kSeparator) == std::string_view::npos) push(false, body);
        return;
      case 'Q':
        push(true, body);
        return;
      case 'c':
        engine_.close(now_ms_, out_);
        break;
      case 'A':
        engine_.abort(session::EngineIoClose::forced_close, out_);
        break;
      default:
        if (engine_.deadline_ms() >= 0) {
          require(engine_.deadline_ms() >= now_ms_);
          now_ms_ = engine_.deadline_ms();
        }
        engine_.tick(now_ms_, out_);
    }
    carry_out();
  }

  void finish() {
    engine_.abort(session::EngineIoClose::forced_close, out_);
    carry_out();
    require(ended_);
  }

  void operator()(const session::AnswerPoll& answer) {
    require(polls_ > 0);
    --polls_;
    wire::EngineIoPayloadReader reader(answer.body);
    for (wire::EngineIoPacket packet; reader.next(packet);) require(packet.binary || is_utf8(packet.data));
    require(reader.ok());
  }
  void operator()(const session::AnswerPost& answer) {
    require(posts_ > 0 && (answer.status == 200 || answer.status == 400 || answer.status == 413));
    // What is in it may have ended the session, but that is not what it is told.
    if (ended_ || reading_post_) require(answer.status != 400);
    --posts_;
  }
  void operator()(const session::RefuseRequest&) {
    require(request_ && *request_ > 0);
    --*request_;
    request_ = nullptr;
  }
  void operator()(const session::SendWebSocket& frame) {
    require(websocket_ && is_utf8(frame.text));
    std::string storage;
    require(wire::decode_engine_io(false, frame.text, storage).has_value());
  }
  void operator()(const session::CloseWebSocket&) {
    require(websocket_);
    websocket_ = false;
  }
  void operator()(const session::Deliver& message) { require(message.binary || is_utf8(message.bytes)); }
  void operator()(const session::PingSent&) { ping_is_out_ = true; }
  void operator()(const session::PingAnswered&) { require(std::exchange(ping_is_out_, false)); }
  void operator()(const session::Upgraded&) {
    require(websocket_ && polls_ == 0);
    take_frames();
  }
  void operator()(const session::Closed&) {
    require(!websocket_ && polls_ == 0 && posts_ == (reading_post_ ? 1 : 0));
    ended_ = true;
  }

 private:
  bool begin_post(std::string_view content_type) {
    ++posts_;
    request_ = &posts_;
    const bool begun = engine_.begin_post(content_type, out_);
    carry_out();
    return begun;
  }

  void end_post(std::string_view body) {
    const Exact bytes(body);
    reading_post_ = posts_ != 0;
    engine_.end_post(std::string(bytes.view()), out_);
    carry_out();
    while (engine_.has_packets()) {
      engine_.take_packet(now_ms_, out_);
      carry_out();
    }
    require(!reading_post_ || posts_ == 0);
    reading_post_ = false;
  }

  void push(bool binary, std::string_view bytes) {
    queue_.push({{binary, std::string(bytes)}});
    engine_.flush(out_);
    carry_out();
    if (engine_.transport() == Transport::websocket) take_frames();
  }

  void take_frames() {
    for (const wire::Packet& frame : queue_.take_frames()) {
      require(frame.binary || (frame.bytes.starts_with('4') && is_utf8(frame.bytes)));
    }
    require(queue_.empty());
  }

  void carry_out() {
    for (const session::EngineIoAction& action : out_) {
      // After the end there are but refusals, and the answer to the POST that it was in.
      require(!ended_ || std::holds_alternative<session::RefuseRequest>(action) ||
              (reading_post_ && std::holds_alternative<session::AnswerPost>(action)));
      std::visit(*this, action);
    }
    out_.clear();
    request_ = nullptr;
    require(polls_ <= 1 && posts_ <= 1 && ended_ == engine_.closed());
    if (ended_) require(engine_.deadline_ms() < 0);
  }

  bool websocket_;
  int polls_;  // held
  int posts_ = 0;
  bool reading_post_ = false;
  int* request_ = nullptr;  // the one that has just come
  bool ping_is_out_ = false;
  bool ended_ = false;
  std::int64_t now_ms_ = 0;
  session::EngineIoActions out_;
  session::EngineIoBuffer queue_;
  session::EngineIoMachine engine_;
};

// Each piece between two bytes 0xFF is one event; its first byte says which. A first piece that begins with ! makes the
// session one that begins as a WebSocket.
void drive_session(std::string_view events) {
  session::EngineIoOptions options;
  options.max_payload_bytes = 200;
  options.max_payload_packets = 10;
  Driver driver(options, events.starts_with('!') ? Transport::websocket : Transport::polling);
  Input input(reinterpret_cast<const std::uint8_t*>(events.data()), events.size());
  for (std::string_view event; input.piece('\xFF', event);) {
    if (!event.empty()) driver.handle(event.front(), event.substr(1));
  }
  driver.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_and_write(bytes);
  drive_session(bytes);
  return 0;
}
