// A client of one Engine.IO session: its requests and its WebSocket, each on a connection of its own, on loops of the test's
// choosing. Payloads are shown with | between packets, and random ids as *.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/net/fake_sockets.h"

namespace chat::test {

inline std::string without_ids(std::string text) {
  for (const std::string_view name : {"\"sid\":\"", "\"pid\":\"", "\"epoch\":\""}) {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
      at += name.size();
      text.replace(at, text.find('"', at) - at, "*");
    }
  }
  return text;
}

// The value of the first member of that name.
inline std::string id_in(std::string_view text, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + key.size();
  return std::string(text.substr(begin, text.find('"', begin) - begin));
}

inline net::Endpoint& socket_io_endpoint(net::ServerOptions& options) {
  return *std::ranges::find(options.endpoints, Protocol::socket_io, &net::Endpoint::protocol);
}

// As the C API fills them in, and with connections that do not end by time, so that a test may let it pass.
inline net::ServerOptions engine_io_options() {
  net::ServerOptions options;
  socket_io_endpoint(options).max_message_bytes = 1'000'000;
  options.handshake_timeout_ms = options.http_idle_timeout_ms = 3'600'000;
  return options;
}

// Nobody is left, and nothing is counted or charged any more.
inline bool is_empty(FakeSite& site) {
  for (std::size_t i = 0; i < site.loops(); ++i) {
    const net::LoopStats& stats = site.loop(i).stats();
    for (const net::Counter& counter : stats.clients_now_by_protocol) {
      if (counter.get() != 0) return false;
    }
    for (const net::Counter& counter : stats.clients_now_by_transport) {
      if (counter.get() != 0) return false;
    }
    if (!site.loop(i).peers().empty() || !site.sockets(i).sessions().empty()) return false;
    if (site.sockets(i).engine_io().expects_any()) return false;
  }
  const Hub& hub = *site.server.hub;
  for (const Resource resource : {Resource::clients, Resource::memberships, Resource::queued_bytes}) {
    if (site.server.hub->sources().total(resource) != 0) return false;
  }
  return site.sessions.size() == 0 && hub.stats().clients_now == 0;
}

class EngineIoPlayer {
 public:
  // Its requests come to this loop.
  explicit EngineIoPlayer(FakeSite& site, std::size_t loop = 0, std::string address = "192.0.2.1")
      : site_(site), address_(std::move(address)), polls_(site, loop, address_), posts_(site, loop, address_) {}

  const std::string& sid() const { return sid_; }
  // As it came last, with its ids.
  const std::string& latest() const { return latest_; }
  std::string target() const { return "/socket.io/?EIO=4&transport=polling&sid=" + sid_; }

  // A session by polling.
  std::string open() {
    polls_.request("GET", "/socket.io/?EIO=4&transport=polling");
    site_.run();
    std::string handshake = polled();
    sid_ = id_in(latest_, "sid");
    return handshake;
  }
  // A session by WebSocket, which goes to this loop.
  std::string open_websocket(std::size_t loop = 0) {
    socket_.emplace(site_, loop, address_);
    socket_->upgrade("/socket.io/?EIO=4&transport=websocket");
    site_.run();
    if (const std::string answer = socket_->answer(); answer != "101 ") return answer;
    std::string handshake = heard();
    sid_ = id_in(latest_, "sid");
    return handshake;
  }

  // Requests. What they bring is read in the loop's next turn.
  void send_poll() { polls_.request("GET", target()); }
  void send_post(std::string packets, std::string_view headers = "Content-Type: text/plain;charset=UTF-8\r\n") {
    posts_.request("POST", target(), headers, framed(std::move(packets)));
  }
  std::string polled() { return shown(polls_.answer()); }
  std::string posted() { return posts_.answer(); }
  // The same, with turns until nothing is left to do.
  std::string poll() {
    send_poll();
    site_.run();
    return polled();
  }
  std::string post(std::string packets) {
    send_post(std::move(packets));
    site_.run();
    return posted();
  }
  // A CONNECT and its answer.
  std::string enter(std::string_view nsp = "/", std::string_view auth = {}) {
    const std::string packet = "40" + (nsp == "/" ? std::string() : std::string(nsp) + ",") + std::string(auth);
    if (socket_) {
      say(packet);
      return heard();
    }
    if (const std::string answer = post(packet); answer != "200 ok") return answer;
    return poll();
  }

  // The WebSocket that shall become the session's, on that loop.
  void attach(std::size_t loop) {
    socket_.emplace(site_, loop, address_);
    socket_->upgrade("/socket.io/?EIO=4&transport=websocket&sid=" + sid_);
    site_.run();
  }
  std::string attached() { return socket_->answer(); }
  // With turns until nothing is left to do.
  void say(std::string_view text) {
    socket_->say(text);
    site_.run();
  }
  // What has come by the WebSocket.
  std::string heard() {
    std::string all;
    for (const std::string& frame : socket_->frames()) all += (all.empty() ? "" : "|") + frame;
    return shown(all);
  }

  FakeClient& polls() { return polls_; }
  FakeClient& posts() { return posts_; }
  FakeClient& socket() { return *socket_; }
  void hang_up() {
    polls_.hang_up();
    posts_.hang_up();
    if (socket_) socket_->hang_up();
  }

 private:
  static std::string framed(std::string packets) {
    std::replace(packets.begin(), packets.end(), '|', '\x1e');
    return packets;
  }
  std::string shown(std::string packets) {
    latest_ = packets;
    std::replace(packets.begin(), packets.end(), '\x1e', '|');
    return without_ids(std::move(packets));
  }
  FakeSite& site_;
  const std::string address_;
  FakeClient polls_;
  FakeClient posts_;
  std::optional<FakeClient> socket_;
  std::string sid_;
  std::string latest_;
};

}  // namespace chat::test
