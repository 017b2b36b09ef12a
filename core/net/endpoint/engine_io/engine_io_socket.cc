// See engine_io_socket.h.
#include "net/endpoint/engine_io/engine_io_socket.h"

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/endpoint/engine_io/engine_io_host.h"
#include "net/endpoint/engine_io/engine_io_sessions.h"

namespace chat::net {
namespace {

// Nothing is read while it is busy; what had been read already is kept.
constexpr std::size_t kMaxBacklogMessages = 4'096;
constexpr char kUpgradePacket = '5';

// The session has ended, or gone to another loop with another socket: nobody else would ever tell this one.
void close_left_over(EngineIoSessions& here, const SocketHandle& socket) {
  EngineIoSessions& there = here.at(socket.loop);
  here.loop().run_on(socket.loop, [&there, socket] {
    there.drop_last_words(socket.connection);
    if (EngineIoSocket* found = there.find_candidate(socket.connection)) found->close();
  });
}

// Runs on the session's home, later: the session may take the socket over in there, which ends its present user.
template <class Action>
void at_home(EngineIoSessions& here, const std::string& sid, const SocketHandle& socket, Action action) {
  const auto entry = here.service().registry.find(sid);
  if (!entry) {
    close_left_over(here, socket);
    return;
  }
  EngineIoSessions& home = here.at(entry->home);
  home.loop().post_task([&home, sid, socket, action] {
    if (EngineIoHost* host = home.find(sid)) {
      action(*host);
    } else if (!home.expects(sid, socket)) {  // else the session is on its way to it
      close_left_over(home, socket);
    }
  });
}

}  // namespace

EngineIoSocket::EngineIoSocket(EngineIoSessions& sessions, EngineIoBirth birth, std::string sid)
    : sessions_(sessions), birth_(std::move(birth)), sid_(std::move(sid)) {}

EngineIoSocket::~EngineIoSocket() {
  if (link_ != nullptr) sessions_.remove_candidate(handle().connection);
}

SocketHandle EngineIoSocket::handle() const { return {sessions_.loop().index(), link_->connection().id()}; }

void EngineIoSocket::on_established() {
  link_->set_keep_alive(false);
  if (sessions_.loop().draining()) {
    link_->close(1001, {});
    return;
  }
  if (sid_.empty()) {
    // The session takes the link over: this is the end of its present user.
    const Status status = sessions_.open_websocket(std::move(birth_), *link_);
    if (!status.ok()) link_->close(1013, status.detail);
    return;
  }
  birth_ = {.request = {}, .address = std::move(birth_.address)};  // the session has its own
  sessions_.add_candidate(handle().connection, *this);
  busy_ = true;
  link_->set_reading(false);
  at_home(sessions_, sid_, handle(), [handle = handle()](EngineIoHost& host) { host.attach(handle); });
}

void EngineIoSocket::on_message(bool binary, std::string_view bytes) {
  backlog_bytes_ += bytes.size();
  if (backlog_.size() == kMaxBacklogMessages ||
      backlog_bytes_ > 2 * static_cast<std::size_t>(sessions_.loop().options().max_http_body_bytes)) {
    link_->close(1008, "too much data at once");
    return;
  }
  backlog_.emplace_back(binary, bytes);
  if (!busy_) forward();
}

void EngineIoSocket::forward() {
  busy_ = true;
  link_->set_reading(false);
  auto [binary, bytes] = std::move(backlog_.front());
  backlog_.erase(backlog_.begin());
  backlog_bytes_ -= bytes.size();
  // Polling is over from here on, on whichever loop a request arrives, and not only when the session's loop has heard of it.
  if (!binary && bytes.starts_with(kUpgradePacket)) {
    sessions_.service().registry.set_transport(sid_, session::EngineIoTransport::websocket);
  }
  at_home(sessions_, sid_, handle(),
          [handle = handle(), binary = binary, bytes = std::move(bytes)](EngineIoHost& host) {
            host.candidate_received(handle, binary, bytes);
          });
}

void EngineIoSocket::on_link_closed(std::uint16_t, std::string_view) {
  if (sid_.empty()) return;
  sessions_.keep_last_words(handle().connection, take_backlog());
  at_home(sessions_, sid_, handle(), [handle = handle()](EngineIoHost& host) { host.candidate_lost(handle); });
}

void EngineIoSocket::send(std::string_view text) { link_->push(make_text_frame(text, link_->carrier())); }

void EngineIoSocket::close() { link_->close(0, {}); }

void EngineIoSocket::go_on() {
  busy_ = false;
  if (!backlog_.empty()) {
    forward();
  } else {
    link_->set_reading(true);
  }
}

}  // namespace chat::net
