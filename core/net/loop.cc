// See loop.h.
#include "net/loop.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "hub/give_back.h"
#include "net/connection.h"
#include "net/lws_socket.h"
#include "net/peer.h"
#include "net/server.h"
#include "net/websocket_link.h"

namespace chat::net {
namespace {

thread_local Loop* current_loop = nullptr;

class CurrentLoop {
 public:
  explicit CurrentLoop(Loop* loop) : outer_(std::exchange(current_loop, loop)) {}
  ~CurrentLoop() { current_loop = outer_; }
  CurrentLoop(const CurrentLoop&) = delete;
  CurrentLoop& operator=(const CurrentLoop&) = delete;

 private:
  Loop* outer_;
};

// So many times the inbox is taken in one round before sockets get their turn again.
constexpr int kMaxInboxTurns = 16;

template <class Handle>
Loop* loop_of(Handle* handle) {
  return static_cast<Loop*>(handle->data);
}

template <class Handle>
uv_handle_t* as_handle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

}  // namespace

std::int64_t wall_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Loop::Loop(Server& server, std::size_t index)
    : server_(server),
      index_(index),
      outbox_limits_{static_cast<std::size_t>(server.options().max_outbox_bytes),
                     static_cast<std::size_t>(server.options().max_outbox_messages), server.options().outbox_policy},
      timers_(static_cast<std::int64_t>(uv_hrtime() / 1'000'000)),
      sessions_(*this) {}

Loop::~Loop() { tear_down(); }

Loop* Loop::current() { return current_loop; }

const ServerOptions& Loop::options() const { return server_.options(); }

Status Loop::start(int table_places) {
  if (uv_loop_init(&uv_) != 0) return {Error::event_loop, "libuv could not create an event loop"};
  uv_open_ = true;
  uv_update_time(&uv_);
  uv_async_init(&uv_, &wake_, [](uv_async_t* handle) { ++loop_of(handle)->activity_; });
  uv_prepare_init(&uv_, &prepare_);
  uv_check_init(&uv_, &check_);
  uv_timer_init(&uv_, &timer_);
  dirty_.open(&uv_);
  wake_.data = prepare_.data = check_.data = timer_.data = this;
  // Both sides of the wait: what timers posted before it, and what sockets brought in it.
  uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { loop_of(handle)->prepare_to_wait(); });
  uv_check_start(&check_, [](uv_check_t* handle) { loop_of(handle)->round(); });
  CurrentLoop current(this);
  return context_.create(*this, options(), table_places);
}

// Any thread ----------------------------------------------------------------------------------------------------------

void Loop::post(LoopEvent event) {
  // On the loop's own thread the round that follows takes it anyway.
  inbox_.push(std::move(event), [this] {
    if (current_loop != this) wake();
  });
}

bool Loop::post_task(Task task) {
  return inbox_.push(std::move(task), [this] {
    if (current_loop != this) wake();
  });
}

void Loop::wake() { uv_async_send(&wake_); }

// Running -------------------------------------------------------------------------------------------------------------

void Loop::run() {
  CurrentLoop current(this);
  while (!finished_) uv_run(&uv_, UV_RUN_DEFAULT);
  tear_down();
}

bool Loop::run_ready() {
  CurrentLoop current(this);
  // libuv registers a new descriptor only at the beginning of its next turn: one turn without any activity must follow.
  for (int turn = 0; turn < 1000 && !finished_; ++turn) {
    const std::uint64_t before = activity_;
    uv_run(&uv_, UV_RUN_NOWAIT);
    if (activity_ == before && inbox_.empty()) return false;
  }
  return !finished_;
}

void Loop::drain_inbox() {
  if (in_inbox_) return;
  in_inbox_ = true;
  for (int turn = 0; turn < kMaxInboxTurns; ++turn) {
    inbox_.take(taken_);
    if (taken_.empty()) break;
    ++activity_;
    for (InboxItem& item : taken_) dispatch(item);
    taken_.clear();
  }
  in_inbox_ = false;
}

void Loop::round() {
  for (int turn = 0; turn < kMaxInboxTurns; ++turn) {
    drain_inbox();
    if (!retire_peers()) break;
  }
  dirty_.flush(draining());
  kill_doomed();
  retire_peers();
  for (const auto& connection : buried_) {
    if (WebSocketLink* link = connection->websocket(); link && link->dirty_) dirty_.forget(link);
  }
  buried_.clear();
  sessions_.bury_dead();
  if (!inbox_.empty()) wake();
  if (draining()) finish_if_drained();
}

void Loop::prepare_to_wait() {
  round();
  if (waiting_input_.empty()) return;
  ++activity_;
  // One turn for each: what is left, or comes back in here, waits until the sockets have had theirs.
  for (const std::uint64_t id : std::exchange(waiting_input_, {})) {
    if (const auto found = connections_.find(id); found != connections_.end()) found->second->take_turn();
  }
  round();
  if (!waiting_input_.empty()) wake();
}

void Loop::dispatch(InboxItem& item) {
  if (auto* task = std::get_if<Task>(&item)) {
    (*task)();
    return;
  }
  std::visit([this](auto& event) { handle(event); }, std::get<LoopEvent>(item));
}

void Loop::handle(RoomMessage& event) { fanout_.deliver(event.message); }
void Loop::handle(EveryoneMessage& event) { fanout_.deliver_to_everyone(event.message); }

template <class ToPeer>
void Loop::handle(ToPeer& event) {
  if (Peer* peer = find_peer(event.client)) peer->handle(event);
}

bool Loop::retire_peers() {
  if (retired_.empty()) return false;
  ++activity_;
  // Callbacks in here may retire others, or ask for these again.
  while (!retired_.empty()) {
    for (const auto& [id, retirement] : std::exchange(retired_, {})) {
      auto found = peers_.find(id);
      if (found == peers_.end()) continue;
      if (!finished_ && found->second->outlive_link(retirement)) continue;
      const std::unique_ptr<Peer> peer = std::move(found->second);
      peers_.erase(found);
      peer->retire(retirement);
    }
  }
  return true;
}

void Loop::kill_doomed() {
  while (!doomed_.empty()) {
    ++activity_;
    std::vector<Connection*> doomed;
    doomed.swap(doomed_);
    for (Connection* connection : doomed) connection->kill();
    context_.cancel_service();
  }
}

// Connections and peers -----------------------------------------------------------------------------------------------

void Loop::adopt(int socket_fd, std::string peer_address) {
  ++activity_;
  stats_.connections_total.add();
  stats_.connections_now.add();
  auto owned = std::make_unique<Connection>(*this, ++last_connection_id_, std::move(peer_address));
  Connection& connection = *owned;
  connections_.emplace(connection.id(), std::move(owned));
  if (draining()) {
    ::close(socket_fd);
    bury(connection);
    return;
  }
  set_timer(connection, now_ms() + options().handshake_timeout_ms);
  auto owned_socket = std::make_unique<LwsSocket>(connection);
  LwsSocket& socket = *owned_socket;
  connection.set_stream(std::move(owned_socket));
  if (context_.adopt(socket_fd, socket)) return;
  log(LogLevel::info, "an accepted connection closed before its first request");
  // When libwebsockets has begun on it, its destruction comes later, by the callback that always comes.
  if (!socket.attached()) bury(connection);
}

Peer* Loop::find_peer(ClientId id) {
  auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

void Loop::add_peer(std::unique_ptr<Peer> peer) {
  const ClientId id = peer->id();
  peers_.emplace(id, std::move(peer));
}

void Loop::drop_peer(ClientId id) {
  auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const std::unique_ptr<Peer> peer = std::move(found->second);
  peers_.erase(found);
  fanout_.remove_from_everyone(*peer);
  while (!fanout_.remove_any(*peer).empty()) continue;
}

void Loop::run_on(std::size_t loop, Task task) {
  if (loop == index_) {
    task();
  } else {
    server_.loop(loop).post_task(std::move(task));
  }
}

void Loop::answer(const HeldRequest& request, HttpResponse response, bool essential) {
  if (request.loop != index_) {
    Loop& there = server_.loop(request.loop);
    there.post_task(
        [&there, request, response = std::move(response), essential] { there.answer(request, response, essential); });
    return;
  }
  const auto found = connections_.find(request.connection);
  if (found != connections_.end()) found->second->answer(request.number, std::move(response), essential);
}

void Loop::retire(ClientId id, Retirement retirement) {
  ++activity_;
  // At once, since it may depart in this round. Where it arrives it retires.
  if (Peer* peer = find_peer(id); peer != nullptr && peer->departing() && !finished_) {
    if (!peer->state().retirement) peer->state().retirement = std::move(retirement);
    return;
  }
  retired_.emplace_back(id, std::move(retirement));
}

void Loop::add_waiting_input(const Connection& connection) {
  ++activity_;
  waiting_input_.push_back(connection.id());
}

void Loop::doom(Connection& connection) {
  if (connection.doomed()) return;
  ++activity_;
  connection.set_doomed();
  connection.on_stream_closed();
  doomed_.push_back(&connection);
}

void Loop::give_back_memory() {
  if (!in_inbox_ && taken_.empty()) give_back(taken_);
  inbox_.give_back_memory();
  dirty_.give_back_memory();
}

void Loop::bury(Connection& connection) {
  ++activity_;
  auto found = connections_.find(connection.id());
  if (found == connections_.end()) return;
  connection.on_stream_closed();
  std::erase(doomed_, &connection);
  TimerWheel::cancel(connection);
  memory_.freed(MemoryRelease::kConnectionBytes);
  buried_.push_back(std::move(found->second));
  connections_.erase(found);
  stats_.connections_now.subtract();
  server_.connections().fetch_sub(1);
}

// Time ----------------------------------------------------------------------------------------------------------------

void Loop::set_timer(TimerEntry& entry, std::int64_t deadline_ms) {
  timers_.set(entry, deadline_ms);
  if (armed_ms_ == -1 || deadline_ms < armed_ms_) {
    armed_ms_ = deadline_ms;
    arm_timer();
  }
}

void Loop::arm_timer() {
  const std::int64_t wait_ms = std::max<std::int64_t>(0, armed_ms_ - now_ms());
  uv_timer_start(
      &timer_,
      [](uv_timer_t* handle) {
        Loop* loop = loop_of(handle);
        ++loop->activity_;
        loop->timers_.advance(loop->now_ms());
        loop->armed_ms_ = loop->timers_.next_ms();
        if (loop->armed_ms_ != -1) loop->arm_timer();
      },
      static_cast<std::uint64_t>(wait_ms), 0);
}

void Loop::log(LogLevel level, std::string_view text) {
  std::uint64_t suppressed = 0;
  if (!log_limiter_.allow(now_ms(), suppressed)) return;
  if (suppressed != 0) {
    server_.application().log(LogLevel::warning, std::to_string(suppressed) + " log lines were dropped");
  }
  server_.application().log(level, text);
}

// Drain ---------------------------------------------------------------------------------------------------------------

void Loop::begin_drain() {
  if (draining()) return;
  std::vector<Drain::Whom> everyone;
  for (const auto& [id, peer] : peers_) {
    if (peer->client()->origin().protocol != Protocol::socket_io) everyone.emplace_back(id);
  }
  for (std::string& sid : sessions_.sids()) everyone.emplace_back(std::move(sid));
  drain_.begin(std::move(everyone));
  for (const auto& [id, peer] : peers_) peer->give_up_waiting();
  std::vector<Connection*> idle;
  for (const auto& [id, connection] : connections_) {
    if (connection->idle_http()) idle.push_back(connection.get());
  }
  for (Connection* connection : idle) doom(*connection);
  finish_if_drained();
}

void Loop::finish_if_drained() {
  if (!draining() || finished_) return;
  if (connections_.empty() && peers_.empty() && sessions_.empty() && inbox_.empty()) finish();
}

void Loop::finish() {
  finished_ = true;
  uv_stop(&uv_);
}

void Loop::close_handles() {
  auto close = [](auto* handle) {
    if (handle->data && !uv_is_closing(as_handle(handle))) uv_close(as_handle(handle), nullptr);
  };
  close(&wake_);
  close(&prepare_);
  close(&check_);
  close(&timer_);
  dirty_.close();
}

void Loop::tear_down() {
  if (!uv_open_) return;
  uv_open_ = false;
  CurrentLoop current(this);
  finished_ = true;
  inbox_.close();
  drain_inbox();  // a session that was on its way to here is here now, to end with the others
  TimerWheel::cancel(drain_);
  TimerWheel::cancel(memory_);
  // Sockets first: their callbacks still find everything in place.
  context_.begin_destroy();
  sessions_.end_all();
  for (const auto& [id, peer] : peers_) retire(id, {1001, std::string(kStopping)});
  retire_peers();
  close_handles();
  uv_run(&uv_, UV_RUN_DEFAULT);
  context_.finish_destroy();
  uv_run(&uv_, UV_RUN_DEFAULT);
  uv_loop_close(&uv_);
  retire_peers();
  peers_.clear();
  dirty_.clear();
  buried_.clear();
  while (!connections_.empty()) bury(*connections_.begin()->second);
  buried_.clear();
  sessions_.bury_dead();
}

}  // namespace chat::net
