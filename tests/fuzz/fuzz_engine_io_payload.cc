// Any bytes as an Engine.IO payload, and as the frames of a session that is being upgraded. What is
// read must be written again as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "session/engine_io_session.h"
#include "wire/engine_io.h"

using namespace chat;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void read_and_write(std::string_view payload) {
  std::string again;
  wire::EngineIoPayloadReader reader(payload, 1000);
  for (wire::EngineIoPacket packet; reader.next(packet);) {
    if (packet.binary) {
      wire::append_engine_io_binary(again, packet.data);
    } else {
      wire::append_engine_io(again, packet.type, packet.data);
    }
  }
  if (reader.ok()) require(again == payload);
}

// Each piece between two bytes 0xFF is one event; its first byte says which.
void drive_session(std::string_view events) {
  const session::EngineIoOptions options;
  session::EngineIoBuffer queue(1000, 10);
  session::EngineIoActions out;
  std::int64_t now_ms = 0;
  session::EngineIoSession engine(options, queue, "sid", session::EngineIoTransport::polling);
  engine.open(now_ms, out);
  bool done = false;
  while (!done) {
    const std::size_t end = events.find('\xFF');
    const std::string_view event = events.substr(0, end);
    done = end == std::string_view::npos;
    if (!done) events.remove_prefix(end + 1);
    if (event.empty()) continue;
    const std::string_view body = event.substr(1);
    switch (event.front()) {
      case 'g':
        engine.poll(now_ms, out);
        break;
      case 'p':
        if (engine.begin_post("", out)) engine.end_post(body, now_ms, out);
        break;
      case 'b':
        engine.begin_post(body, out);
        break;
      case 'e':
        engine.end_post(body, now_ms, out);
        break;
      case 'a':
        engine.attach_websocket(now_ms);
        break;
      case 'w':
        engine.websocket_received(false, body, now_ms, out);
        break;
      case 'l':
        engine.websocket_lost(out);
        break;
      case 'q':
        if (queue.push({{false, std::string(body)}})) engine.flush(out);
        break;
      case 'c':
        engine.close(now_ms, out);
        break;
      default:
        if (engine.deadline_ms() >= 0) now_ms = engine.deadline_ms();
        engine.tick(now_ms, out);
    }
  }
  // At most one answer for each request, one end, and nothing behind it but refusals.
  bool ended = false;
  for (const session::EngineIoAction& action : out) {
    if (ended) require(std::holds_alternative<session::RefuseRequest>(action));
    if (std::holds_alternative<session::Closed>(action)) ended = true;
  }
  require(ended == engine.closed());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_and_write(bytes);
  drive_session(bytes);
  return 0;
}
