// See engine_io_socket.h.
#include "net/endpoint/engine_io/engine_io_socket.h"

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/endpoint/engine_io/engine_io_local.h"
#include "net/endpoint/engine_io/engine_io_session.h"

namespace chat::net {
namespace {

// Nothing is read while the session handles a message. Messages that were read before that are kept.
constexpr std::size_t kMaxBacklogMessages = 4'096;
constexpr char kUpgradePacket = '5';

// The session has ended, or another socket has become its transport: nothing else would close this one.
void close_left_over(EngineIoLocal& here, const SocketHandle& socket) {
  EngineIoLocal& there = here.at(socket.loop);
  here.loop().run_on(socket.loop, [&there, socket] {
    there.drop_last_words(socket.connection);
    if (EngineIoSocket* found = there.find_candidate(socket.connection)) found->close();
  });
}

}  // namespace

template <class Action>
void EngineIoSocket::at_home(Action action) {
  local_.home().at_home<EngineIoSession>(
      session_, SessionHome::Turn::later, std::move(action),
      [&shared = local_.shared(), session = session_, socket = handle()](SessionHome& home, SessionAbsence) {
        EngineIoLocal& local = *shared.locals[home.loop().index()];
        if (!local.expects(session, socket)) close_left_over(local, socket);
      });
}

EngineIoSocket::EngineIoSocket(EngineIoLocal& local, EngineIoBirth birth, SessionNumber session)
    : local_(local), birth_(std::move(birth)), session_(session) {}

EngineIoSocket::~EngineIoSocket() {
  if (link_ != nullptr) local_.remove_candidate(handle().connection);
}

SocketHandle EngineIoSocket::handle() const { return {local_.loop().index(), link_->connection().id()}; }

void EngineIoSocket::on_established() {
  link_->set_keep_alive(false);
  if (local_.loop().draining()) {
    link_->close(1001, {});
    return;
  }
  if (session_ == 0) {
    // The session becomes the link's user, which destroys this object.
    const Status status = local_.open_websocket(std::move(birth_), *link_);
    if (!status.ok()) link_->close(1013, status.detail);
    return;
  }
  birth_ = {.request = {}, .address = std::move(birth_.address)};  // the session has the rest
  local_.add_candidate(handle().connection, *this);
  busy_ = true;
  link_->set_reading(false);
  at_home([handle = handle()](EngineIoSession& session) { session.attach(handle); });
}

void EngineIoSocket::on_message(bool binary, std::string_view bytes) {
  backlog_bytes_ += bytes.size();
  if (backlog_.size() == kMaxBacklogMessages ||
      backlog_bytes_ > 2 * static_cast<std::size_t>(local_.loop().options().max_http_body_bytes)) {
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
  // From now on requests of polling are refused on every loop, before the session's loop has received the packet.
  if (!binary && bytes.starts_with(kUpgradePacket)) local_.table().set_transport(session_, Transport::websocket);
  at_home([handle = handle(), binary = binary, bytes = std::move(bytes)](EngineIoSession& session) {
    session.candidate_received(handle, binary, bytes);
  });
}

void EngineIoSocket::on_link_closed(std::uint16_t, std::string_view) {
  if (session_ == 0) return;
  local_.keep_last_words(handle().connection, take_backlog());
  at_home([handle = handle()](EngineIoSession& session) { session.candidate_lost(handle); });
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
