// Connections without a socket: their stream writes into a Wire, which a test reads, fills and breaks. The test also
// provides the router and runs the turns of the loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/net/fake_loop.h"
#include "net/connection/byte_stream.h"
#include "net/connection/connection.h"
#include "net/connection/connections.h"
#include "net/connection/request_router.h"
#include "net/connection/websocket_link.h"
#include "net/deliver/websocket_carrier.h"

namespace chat::test {

// Both ends of a stream: how it behaves, and what the connection did with it.
struct Wire {
  // All output since the last call.
  std::string sent() {
    std::string all;
    for (const std::string& bytes : std::exchange(writes, {})) all += bytes;
    return all;
  }
  // What was called since the last call, write() and flushed() not included: "off on want finish reset close", in their
  // order.
  std::string called() { return std::exchange(calls, {}); }

  std::size_t takes = SIZE_MAX;    // bytes of output, from now on
  bool holds_back = false;         // later output is not flushed before the next write
  bool broken = false;             // write() fails
  std::function<void()> on_write;  // called in each write that takes something

  std::vector<std::string> writes;  // the bytes that each took, without writes that took nothing
  std::string calls;
  bool destroyed = false;  // the stream
};

class FakeStream final : public net::ByteStream {
 public:
  FakeStream(Wire& wire, net::ByteStreamUser& user) : wire_(wire), user_(user) {}
  ~FakeStream() override { wire_.destroyed = true; }

  std::optional<std::size_t> write(std::string_view bytes) override {
    if (finished_) note("write-after-finish");
    if (wire_.broken || finished_) return std::nullopt;
    const std::size_t size = std::min(bytes.size(), wire_.takes);
    if (size != 0 || held_back_) held_back_ = wire_.holds_back;
    if (size == 0) return 0;
    if (wire_.takes != SIZE_MAX) wire_.takes -= size;
    wire_.writes.emplace_back(bytes.substr(0, size));
    if (wire_.on_write) wire_.on_write();
    return size;
  }
  bool flushed() const override { return !held_back_; }
  void want_writable() override { note("want"); }
  void set_reading(bool on) override { note(on ? "on" : "off"); }
  void finish_writing() override {
    finished_ = true;
    note("finish");
  }
  void reset_on_close() override { note("reset"); }
  void close() override {
    note("close");
    user_.on_stream_closed();
    user_.on_released();
  }

 private:
  void note(std::string_view call) {
    if (!wire_.calls.empty()) wire_.calls += ' ';
    wire_.calls += call;
  }

  Wire& wire_;
  net::ByteStreamUser& user_;
  bool finished_ = false;
  bool held_back_ = false;
};

struct FakeRouter final : net::RequestRouter {
  using Reaction = std::variant<net::HttpResponse, net::Hold>;

  Reaction route(net::Connection& connection, const net::HttpRequest& request) override {
    asked += request.method + " " + request.path + "; ";
    if (routes) return routes(connection, request);
    return net::HttpResponse::text(200, request.path);
  }
  std::optional<net::HttpResponse> open_websocket(net::Connection& connection,
                                                  const net::HttpRequest& request) override {
    asked += "websocket " + request.path + "; ";
    return opens(connection, request);
  }

  std::string asked;
  std::function<Reaction(net::Connection&, const net::HttpRequest&)> routes;
  std::function<std::optional<net::HttpResponse>(net::Connection&, const net::HttpRequest&)> opens;
};

// What the user of a link saw, and what it does then. Outlives both.
struct UserLog {
  std::string seen() { return std::exchange(events, {}); }

  std::string events;
  std::function<void()> on_established;
  std::function<void(std::string_view)> on_message;
  bool tells_gaps = true;
  const net::Carrier* carrier = &net::websocket_carrier();  // of the link, for its notices of gaps
  bool alive = false;
};

class RecordingUser final : public net::LinkUser {
 public:
  explicit RecordingUser(UserLog& log) : log_(log) { log_.alive = true; }
  ~RecordingUser() override { log_.alive = false; }

  std::string_view address() const override { return "198.51.100.7"; }
  void on_established() override {
    log_.events += "established; ";
    if (log_.on_established) log_.on_established();
  }
  void on_message(bool binary, std::string_view bytes) override {
    log_.events.append(binary ? "binary " : "text ").append(bytes).append("; ");
    if (log_.on_message) log_.on_message(bytes);
  }
  void on_progress() override { log_.events += "progress; "; }
  void on_link_closed(std::uint16_t code, std::string_view reason) override {
    log_.events.append("closed ").append(std::to_string(code)).append(" ").append(reason).append("; ");
  }
  net::FramePtr encode_gap(const GapReply& gap) override {
    if (!log_.tells_gaps) return {};
    return net::make_text_frame(gap.room + ":" + std::to_string(gap.first_seq) + "-" + std::to_string(gap.last_seq),
                                *log_.carrier);
  }

 private:
  UserLog& log_;
};

// A frame as the server sends it, RFC 6455 section 5.2.
inline std::string server_frame(int first_byte, std::string_view payload) {
  std::string frame(1, static_cast<char>(first_byte));
  const std::size_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  frame += static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127);
  for (int shift = (length_bytes - 1) * 8; shift >= 0; shift -= 8) {
    frame += static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
  }
  return frame.append(payload);
}

// The body of a close frame.
inline std::string close_body(int code, std::string_view reason) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code)}.append(reason);
}

struct ConnectionFixture {
  explicit ConnectionFixture(net::ServerOptions options = {}) : server(std::move(options)) {}

  FakeLoop& loop() { return server.loop(); }

  // As Loop::adopt() does.
  net::Connection& accept(Wire& end, std::string address = "192.0.2.1") {
    open.fetch_add(1);
    net::Connection& added = connections.add(std::move(address), Share());
    loop().set_timer(added, loop().now_ms() + server.options.handshake_timeout_ms);
    added.set_stream(std::make_unique<FakeStream>(end, added));
    return added;
  }
  // The same with the first wire.
  void accept() { connection = &accept(wire); }

  // Bytes from the peer, in a buffer of their size.
  void input(std::string_view bytes) {
    std::vector<char> buffer(bytes.begin(), bytes.end());
    connection->on_input(buffer);
  }
  void input_bytewise(std::string_view bytes) {
    for (const char& byte : bytes) input({&byte, 1});
  }
  // The peer has read: the socket takes so much now.
  void writable(std::size_t bytes = SIZE_MAX) {
    wire.takes = bytes;
    connection->on_writable();
  }
  // The peer is gone.
  void lose() {
    connection->on_stream_closed();
    connection->on_released();
  }

  // One turn of the loop, in the order of its stages.
  void turn() {
    connections.take_waiting_input();
    loop().run();
    end_round();
  }
  void advance(std::int64_t ms) {
    loop().advance(ms);
    end_round();
  }

  FakeServer server;
  FakeRouter router;
  std::atomic<std::int64_t> open = 0;
  Wire wire;
  net::Connection* connection = nullptr;  // with the wire
  net::Connections connections{server.loop(), router, server.rules, open};

 private:
  void end_round() {
    connections.kill_doomed([] { return false; });
    connections.destroy_buried();
  }
};

}  // namespace chat::test
