// A FakeLoop's connections, real from the first byte of a request to the last of a WebSocket, over streams that are strings.
// The endpoints are those of the server's options, with real handlers. A FakeClient is the other end of one connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/net/fake_loop.h"
#include "net/base/clock.h"
#include "net/connection/connection.h"
#include "net/connection/connections.h"
#include "net/connection/request_router.h"
#include "net/connection/websocket_link.h"
#include "net/endpoint/endpoint_table.h"
#include "net/endpoint/engine_io/engine_io_endpoint.h"
#include "net/endpoint/engine_io/engine_io_session.h"
#include "net/endpoint/engine_io/engine_io_shared.h"
#include "net/endpoint/rest/rest_endpoint.h"
#include "net/endpoint/single/single_endpoint.h"
#include "net/endpoint/sockjs/sockjs_endpoint.h"
#include "net/endpoint/stomp/stomp_endpoint.h"
#include "net/endpoint/websocket_opening.h"
#include "net/peer/peer.h"
#include "net/session/session_home.h"

namespace chat::test {

// What is between the two ends of a connection. It outlives both.
struct Wire {
  net::Connection* connection = nullptr;  // until its stream is released
  std::string to_server;                  // not read yet
  std::string to_client;
  std::size_t free_bytes = SIZE_MAX;  // that the server can write before the client reads
  int direct_fd = -1;                 // what is written directly goes there
  bool reading = true;
  bool wants_writable = false;
  bool hung_up = false;   // the client has closed it; the server notices behind what it reads
  bool finished = false;  // the server writes nothing more
  bool reset = false;     // the server has thrown away what the client has not read
};

class FakeStream final : public net::ByteStream {
 public:
  explicit FakeStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}

  std::optional<std::size_t> write(std::string_view bytes) override {
    const std::size_t taken = std::min(bytes.size(), wire_->free_bytes);
    wire_->to_client.append(bytes.substr(0, taken));
    if (wire_->free_bytes != SIZE_MAX) wire_->free_bytes -= taken;
    return taken;
  }
  bool flushed() const override { return true; }
  int direct_fd() const override { return wire_->direct_fd; }
  void want_writable() override { wire_->wants_writable = true; }
  void set_reading(bool on) override { wire_->reading = on; }
  void finish_writing() override { wire_->finished = true; }
  void reset_on_close() override { wire_->reset = true; }
  void close() override {
    net::Connection* const connection = std::exchange(wire_->connection, nullptr);
    if (connection == nullptr) return;
    connection->on_stream_closed();
    connection->on_released();
  }

 private:
  const std::shared_ptr<Wire> wire_;
};

class FakeSockets final : public FakeLoop::Guest, private net::RequestRouter {
 public:
  FakeSockets(FakeLoop& loop, net::SessionTable& table, net::EngineIoShared& engine_io, net::RestShared& rest)
      : loop_(loop),
        sessions_(loop, table),
        endpoints_(loop.options()),
        single_(loop),
        stomp_(loop),
        engine_io_(sessions_, engine_io),
        sockjs_(sessions_, endpoints_),
        rest_(sessions_, rest),
        connections_(loop, *this, loop.rules(), open_) {
    endpoints_.add(Protocol::plain, single_);
    endpoints_.add(Protocol::chat_v1, single_);
    endpoints_.add(Protocol::socket_io, engine_io_);
    endpoints_.set_sockjs(sockjs_);
    endpoints_.add(Protocol::stomp, stomp_);
    endpoints_.add(Protocol::http, rest_);
    loop_.guest = this;
  }

  net::SessionHome& sessions() { return sessions_; }
  net::EngineIoLocal& engine_io() { return engine_io_.local(); }
  // For a handler of the test's own.
  net::EndpointTable& endpoints() { return endpoints_; }
  bool any_open() const { return !connections_.empty(); }

  // Accepts a connection, as the server would.
  std::shared_ptr<Wire> accept(const std::string& address) {
    Share share;
    if (!loop_.rules().trusted_proxies.contains(address)) {
      std::optional<Refusal> refusal;
      share = Share::take(loop_.sources().find(address), Resource::connections, refusal);
      if (refusal) return nullptr;
    }
    open_.fetch_add(1);
    auto wire = std::make_shared<Wire>();
    net::Connection& connection = connections_.add(address, std::move(share));
    wire->connection = &connection;
    connection.set_stream(std::make_unique<FakeStream>(wire));
    loop_.set_timer(connection, loop_.now_ms() + loop_.options().handshake_timeout_ms);
    wires_.push_back(wire);
    return wire;
  }

  // Each connection has one turn.
  void take_input() override {
    connections_.take_waiting_input();
    std::erase_if(wires_, [](const auto& wire) { return wire->connection == nullptr; });
    for (const auto& wire : std::vector(wires_)) take_input(*wire);
  }
  void kill() override {
    connections_.kill_doomed([] { return false; });
  }
  void bury() override {
    connections_.destroy_buried();
    sessions().bury_dead(loop_.budget());
  }
  void answer(const net::HeldRequest& request, net::HttpResponse response, bool essential) override {
    connections_.answer(request, std::move(response), essential);
  }
  void write(const net::HeldRequest& request, std::string bytes, bool last) override {
    connections_.write(request, bytes, last);
  }
  int direct_fd(const net::HeldRequest& request) override { return connections_.direct_fd(request); }
  void write_rest(const net::HeldRequest& request, std::string bytes) override {
    connections_.write_rest(request, bytes);
  }

  // As the server's loop ends, whatever state it is in.
  void tear_down() {
    loop_.end();
    loop_.drain_inbox();
    connections_.kill_all();
    sessions().end_all();
    loop_.peers().retire_all({1001, std::string(net::kStopping)});
    loop_.peers().retire_due();
    loop_.peers().clear();
    loop_.dirty_links().clear();
    connections_.destroy_all();
    bury();
  }

 private:
  static void take_input(Wire& wire) {
    const auto living = [&] { return wire.connection != nullptr; };
    if (living() && wire.wants_writable && wire.free_bytes != 0) {
      wire.wants_writable = false;
      wire.connection->on_writable();
    }
    if (living() && wire.reading && !wire.to_server.empty()) {
      std::string bytes = std::exchange(wire.to_server, {});
      wire.connection->on_input(bytes);
    }
    if (living() && wire.reading && wire.to_server.empty() && wire.hung_up) wire.connection->stream().close();
  }

  std::variant<net::HttpResponse, net::Hold> route(net::Connection& connection,
                                                   const net::HttpRequest& request) override {
    const net::Endpoint* endpoint = endpoints_.find(request.path);
    if (endpoint == nullptr) endpoint = endpoints_.find_above(request.path);
    if (endpoint == nullptr) return net::HttpResponse::text(404, "not found\n");
    const net::RequestContext context = net::describe(request, connection.remote_address(), loop_.rules());
    return endpoints_.request_handler(*endpoint).route(request, context, *endpoint);
  }
  std::optional<net::HttpResponse> open_websocket(net::Connection& connection,
                                                  const net::HttpRequest& request) override {
    return net::open_websocket(loop_, endpoints_, connection, request);
  }

  FakeLoop& loop_;
  std::atomic<std::int64_t> open_ = 0;
  std::vector<std::shared_ptr<Wire>> wires_;
  net::SessionHome sessions_;
  net::EndpointTable endpoints_;
  net::SingleEndpoint single_;
  net::StompEndpoint stomp_;
  net::EngineIoEndpoint engine_io_;
  net::SockJsEndpoint sockjs_;
  net::RestEndpoint rest_;
  net::Connections connections_;
};

// A server of one or more loops that has such connections.
class FakeSite {
 public:
  explicit FakeSite(Application& application, net::ServerOptions options = {}, std::size_t loops = 1)
      : server(application, std::move(options), loops),
        sessions(net::session_limits(server.options)),
        engine_io(server.options),
        rest(server.options) {
    for (std::size_t i = 0; i < loops; ++i) {
      sockets_.push_back(std::make_unique<FakeSockets>(server.loop(i), sessions, engine_io, rest));
    }
  }
  ~FakeSite() {
    for (const auto& sockets : sockets_) sockets->tear_down();
  }
  FakeSite(const FakeSite&) = delete;
  FakeSite& operator=(const FakeSite&) = delete;

  FakeLoop& loop(std::size_t index = 0) { return server.loop(index); }
  FakeSockets& sockets(std::size_t index = 0) { return *sockets_[index]; }
  std::size_t loops() const { return sockets_.size(); }
  void run() { server.run(); }
  // Time passes on every loop, in the small steps of a timer.
  void advance(std::int64_t ms) {
    for (; ms > 0; ms -= 20) {
      for (std::size_t i = 0; i < loops(); ++i) loop(i).advance(i == 0 ? std::min<std::int64_t>(ms, 20) : 0);
    }
    run();
  }
  ClientPtr client(ClientId id) { return server.hub->find_client(id); }
  void publish(std::string room, std::string text, ClientId except = 0) {
    MessageDraft draft;
    draft.room = std::move(room);
    draft.payload = std::move(text);
    draft.except = except;
    (void)server.hub->publish(std::move(draft), net::current_moment());
  }
  void send(ClientId id, std::string text, AckWish ack = {}) {
    MessageDraft draft;
    draft.payload = std::move(text);
    if (const ClientPtr to = client(id)) (void)server.hub->send(to, std::move(draft), net::current_moment(), ack);
  }

  FakeServer server;
  net::SessionTable sessions;
  net::EngineIoShared engine_io;
  net::RestShared rest;

 private:
  std::vector<std::unique_ptr<FakeSockets>> sockets_;
};

// Speaks HTTP, and after upgrade() WebSocket, in bytes. What it sends is read in the loop's next turn.
class FakeClient {
 public:
  explicit FakeClient(FakeSite& site, std::size_t loop = 0, const std::string& address = "192.0.2.1")
      : wire_(site.sockets(loop).accept(address)) {}

  Wire& wire() { return *wire_; }
  bool accepted() const { return wire_ != nullptr; }
  // The server has closed it, or at least its own direction.
  bool ended() const { return wire_->connection == nullptr || wire_->finished; }
  void hang_up() { wire_->hung_up = true; }

  void send(std::string_view bytes) { wire_->to_server += bytes; }

  // headers: whole lines, each with its end.
  void request(std::string_view method, std::string_view target, std::string_view headers = {},
               std::string_view body = {}) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: chat.test\r\n";
    text += headers;
    if (method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    send(text + "\r\n" + std::string(body));
  }
  // The first whole answer that has come, as "200 body"; empty while there is none. Its head is answer_head().
  std::string answer() {
    const std::size_t head_end = wire_->to_client.find("\r\n\r\n");
    if (head_end == std::string::npos) return {};
    std::string head = wire_->to_client.substr(0, head_end + 2);
    const std::size_t field = head.find("Content-Length: ");
    const std::size_t bytes = field == std::string::npos ? 0 : std::stoul(head.substr(field + 16));
    if (wire_->to_client.size() < head_end + 4 + bytes) return {};
    answer_head_ = std::move(head);
    std::string result = answer_head_.substr(9, 3) + " " + wire_->to_client.substr(head_end + 4, bytes);
    wire_->to_client.erase(0, head_end + 4 + bytes);
    return result;
  }
  const std::string& answer_head() const { return answer_head_; }
  // The value of a field of the last answer; empty without.
  std::string answer_header(std::string_view name) const {
    const std::size_t at = answer_head_.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return answer_head_.substr(begin, answer_head_.find("\r\n", begin) - begin);
  }

  void upgrade(std::string_view target, std::string_view headers = {}) {
    request("GET", target,
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                std::string(headers));
  }
  void say(std::string_view text) { send_frame(0x81, text); }
  void say_bytes(std::string_view bytes) { send_frame(0x82, bytes); }
  void ping(std::string_view payload) { send_frame(0x89, payload); }
  void close(std::uint16_t code, std::string_view reason = {}) {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    send_frame(0x88, payload += reason);
  }
  // Takes the WebSocket frames that have come: text as it is, and "bytes ...", "ping ...", "pong ...", "close 1000 reason".
  std::vector<std::string> frames() {
    std::vector<std::string> result;
    std::string& bytes = wire_->to_client;
    for (;;) {
      if (bytes.size() < 2) return result;
      const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
      std::size_t size = at(1) & 0x7f;
      std::size_t head = 2;
      if (size == 126) {
        if (bytes.size() < 4) return result;
        size = at(2) << 8 | at(3);
        head = 4;
      } else if (size == 127) {
        if (bytes.size() < 10) return result;
        size = at(6) << 24 | at(7) << 16 | at(8) << 8 | at(9);
        head = 10;
      }
      if (bytes.size() < head + size) return result;
      result.push_back(show(at(0), bytes.substr(head, size)));
      bytes.erase(0, head + size);
    }
  }

 private:
  // The mask is zero.
  void send_frame(unsigned char first, std::string_view payload) {
    std::string frame{static_cast<char>(first)};
    if (payload.size() < 126) {
      frame += static_cast<char>(0x80 | payload.size());
    } else {
      frame += static_cast<char>(0x80 | 127);
      for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(payload.size() >> shift & 0xff);
    }
    frame.append(4, '\0').append(payload);
    send(frame);
  }
  static std::string show(std::size_t first, std::string payload) {
    switch (first & 0x0f) {
      case 0x2:
        return "bytes " + payload;
      case 0x8: {
        if (payload.size() < 2) return "close";
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(payload[i]); };
        std::string text = "close " + std::to_string(byte(0) << 8 | byte(1));
        return payload.size() == 2 ? text : text + " " + payload.substr(2);
      }
      case 0x9:
        return "ping " + payload;
      case 0xa:
        return "pong " + payload;
      default:
        return payload;
    }
  }

  std::shared_ptr<Wire> wire_;
  std::string answer_head_;
};

}  // namespace chat::test
