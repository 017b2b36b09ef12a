// See connections.h.
#include "net/connection/connections.h"

#include <utility>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"

namespace chat::net {

Connections::Connections(LinkContext& loop, RequestRouter& router, const HttpRules& rules,
                         std::atomic<std::int64_t>& open)
    : loop_(loop), router_(router), rules_(rules), open_(open) {}

Connections::~Connections() = default;

Connection& Connections::add(std::string remote_address, Share share) {
  loop_.note_activity();
  loop_.stats().connections_total.add();
  loop_.stats().connections_now.add();
  if (buried_.capacity() < living() + 1) buried_.reserve(2 * living() + 1);
  auto owned = std::make_unique<Connection>(*this, ++last_id_, std::move(remote_address), std::move(share));
  Connection& connection = *owned;
  connections_.emplace(connection.id(), std::move(owned));
  return connection;
}

WebSocketLink* Connections::find_websocket(std::uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second->websocket();
}

void Connections::answer(const HeldRequest& request, HttpResponse response, bool essential) {
  const auto found = connections_.find(request.connection);
  if (found != connections_.end()) found->second->answer(request.number, std::move(response), essential);
}

void Connections::write(const HeldRequest& request, std::string_view bytes, bool last) {
  const auto found = connections_.find(request.connection);
  if (found != connections_.end()) found->second->write(request.number, bytes, last);
}

int Connections::direct_fd(const HeldRequest& request) {
  const auto found = connections_.find(request.connection);
  return found == connections_.end() ? -1 : found->second->direct_fd(request.number);
}

void Connections::write_rest(const HeldRequest& request, std::string_view bytes) {
  const auto found = connections_.find(request.connection);
  if (found != connections_.end()) found->second->write_rest(request.number, bytes);
}

void Connections::add_waiting_input(const Connection& connection) {
  loop_.note_activity();
  waiting_input_.push_back(connection.id());
}

// Connections that are added meanwhile wait until the sockets have had their turn.
bool Connections::take_waiting_input() {
  if (input_turns_left_ == 0) input_turns_left_ = waiting_input_.size();
  while (input_turns_left_ != 0) {
    loop_.note_activity();
    --input_turns_left_;
    const std::uint64_t id = waiting_input_.front();
    waiting_input_.pop_front();
    if (const auto found = connections_.find(id); found != connections_.end()) found->second->take_turn();
    if (input_turns_left_ != 0 && loop_.budget().over()) return false;
  }
  return true;
}

void Connections::doom(Connection& connection) {
  if (connection.doomed()) return;
  loop_.note_activity();
  connection.set_doomed();
  connection.on_stream_closed();
  doomed_.push_back(connection.id());
}

bool Connections::kill_doomed(const std::function<bool()>& enough) {
  while (!doomed_.empty() && !enough()) {
    loop_.note_activity();
    const auto found = connections_.find(doomed_.front());
    doomed_.pop_front();
    if (found != connections_.end()) found->second->kill();
    if (!doomed_.empty() && loop_.budget().over()) return false;
  }
  return true;
}

void Connections::bury(Connection& connection) {
  loop_.note_activity();
  const auto found = connections_.find(connection.id());
  if (found == connections_.end()) return;
  connection.on_stream_closed();
  TimerWheel::cancel(connection);
  loop_.memory().freed(MemoryRelease::kConnectionBytes);
  buried_.push_back(std::move(found->second));
  connections_.erase(found);
  loop_.stats().connections_now.subtract();
  open_.fetch_sub(1);
}

bool Connections::destroy_buried() {
  while (!buried_.empty()) {
    buried_.pop_back();
    if (!buried_.empty() && loop_.budget().over()) return false;
  }
  return true;
}

void Connections::doom_idle() {
  std::vector<Connection*> idle;
  for (const auto& [id, connection] : connections_) {
    if (connection->idle_http()) idle.push_back(connection.get());
  }
  for (Connection* connection : idle) doom(*connection);
}

void Connections::kill_all() {
  std::vector<std::uint64_t> ids;
  ids.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    if (const auto found = connections_.find(id); found != connections_.end()) found->second->kill();
  }
}

void Connections::destroy_all() {
  buried_.clear();
  while (!connections_.empty()) bury(*connections_.begin()->second);
  buried_.clear();
}

}  // namespace chat::net
