// The connections of one loop: how they are found, take turns, and end. A doomed connection is killed at the end of the
// round, and destroyed when its stream is released. Used by the loop's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/source_table.h"
#include "net/deliver/link_context.h"
#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/http/request_context.h"

namespace chat::net {

class Connection;
class RequestRouter;
class WebSocketLink;

class Connections {
 public:
  // All arguments must outlive this. open: the number of connections of the whole server. They are added when they are
  // accepted.
  Connections(LinkContext& loop, RequestRouter& router, const HttpRules& rules, std::atomic<std::int64_t>& open);
  ~Connections();

  LinkContext& loop() { return loop_; }
  RequestRouter& router() { return router_; }
  const HttpRules& rules() const { return rules_; }

  // A new connection, without a stream yet.
  Connection& add(std::string remote_address, Share share);
  // nullptr when the connection has ended or is not a WebSocket.
  WebSocketLink* find_websocket(std::uint64_t id);
  // Answers the request if its connection is still there; see Connection::answer().
  void answer(const HeldRequest& request, HttpResponse response, bool essential);
  // The same for more of a response that streams; see Connection::write().
  void write(const HeldRequest& request, std::string_view bytes, bool last);
  // See EndpointContext.
  int direct_fd(const HeldRequest& request);
  void write_rest(const HeldRequest& request, std::string_view bytes);
  bool empty() const { return connections_.empty(); }
  // Including those that wait to be destroyed.
  std::size_t living() const { return connections_.size() + buried_.size(); }

  // The connection can use input that it kept: it gets a turn before the loop waits. See Connection::take_turn().
  void add_waiting_input(const Connection& connection);
  bool has_waiting_input() const { return !waiting_input_.empty(); }
  // One turn for each. False when the time was over before that: the next call continues.
  bool take_waiting_input();

  // Closes the connection's stream at the end of the round.
  void doom(Connection& connection);
  bool any_doomed() const { return !doomed_.empty(); }
  // Until there are none or enough() returns true. False when the time was over before that.
  bool kill_doomed(const std::function<bool()>& enough);
  // The connection's stream is released: the connection is destroyed at the end of the round.
  void bury(Connection& connection);
  // False when the time was over before all were destroyed.
  bool destroy_buried();

  // Dooms those on which no request has begun.
  void doom_idle();
  // When the loop ends: closes the stream of every connection.
  void kill_all();
  void destroy_all();

 private:
  LinkContext& loop_;
  RequestRouter& router_;
  const HttpRules& rules_;
  std::atomic<std::int64_t>& open_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::deque<std::uint64_t> waiting_input_;
  std::size_t input_turns_left_ = 0;  // of this round, from the front
  std::deque<std::uint64_t> doomed_;
  std::vector<std::unique_ptr<Connection>> buried_;  // has capacity for every connection
};

}  // namespace chat::net
