// See loop.h.
#include "server/loop.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "model/give_back.h"
#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/peer/peer.h"
#include "net/socket/lws_socket.h"
#include "server/server.h"

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
// So many polls may end in the middle of the inbox, before the rest waits for the next round.
constexpr int kMaxInboxPolls = 8;
// A poll without a time budget returns after so many rounds all the same.
constexpr int kMaxTurns = 1000;

// glibc puts off merging the small blocks that are freed, until it merges all in one call: 6 milliseconds after 5,000 clients
// have left. Asking for a larger block makes it merge those that were freed so far.
void merge_freed_blocks() {
  void* volatile block = std::malloc(2'048);  // NOLINT(cppcoreguidelines-owning-memory)
  std::free(block);                           // NOLINT(cppcoreguidelines-owning-memory)
}

// A timer that is so late was kept waiting by something: a host that did not poll, a callback, a process that was stopped. The
// answers to pings may wait in the sockets, which libuv reads after its timers. So the sockets get so many turns before.
constexpr std::int64_t kLateMs = 100;
constexpr int kMaxLateTurns = 3;

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
  uv_timer_init(&uv_, &timer_);
  dirty_.open(&uv_);
  wake_.data = timer_.data = this;
  if (!sockets_.open(uv_backend_fd(&uv_), options().threads == 0)) return {Error::system, "no file descriptor left"};
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
  if (options().threads == 0) sockets_.set_timeout(-1);
  while (!finished_) {
    turn_libuv();
    if (!finished_) round();
    if (finished_) break;
    uv_update_time(&uv_);
    sockets_.wait(busy() ? 0 : uv_backend_timeout(&uv_));
  }
  tear_down();
}

void Loop::run_as_thread() {
  CurrentLoop current(this);
  server_.application().on_thread_start();
  run();
  server_.application().on_thread_stop();
}

void Loop::run_ready() {
  CurrentLoop current(this);
  if (options().poll_budget_ms != kUnlimited) budget_.begin(options().poll_budget_ms);
  uv_update_time(&uv_);
  const auto living = [this] { return connections_.size() + buried_.size() + peers_.size(); };
  const std::size_t before_poll = living();
  bool more = true;
  for (int turn = 0; turn < kMaxTurns && more && !budget_.over() && !finished_; ++turn) {
    const std::uint64_t before = activity_;
    if (stage_ == Stage::none) {
      sockets_.wait(0);
      turn_libuv();
    }
    round();
    // libuv registers a new descriptor only at the beginning of its next turn: one turn without any activity must follow.
    more = busy() || activity_ != before;
  }
  if (budget_.limited() && living() < before_poll) merge_freed_blocks();
  budget_.lift();
  if (finished_) return;
  uv_update_time(&uv_);
  sockets_.set_timeout(more ? 0 : uv_backend_timeout(&uv_));
}

void Loop::turn_libuv() {
  uv_run(&uv_, UV_RUN_NOWAIT);
  sockets_.closed();
}

// There is more to do, whatever becomes ready.
bool Loop::busy() const {
  return stage_ != Stage::none || !waiting_input_.empty() || sockets_.pending() || !inbox_.empty() || !taken_.empty() ||
         !retired_.empty() || !doomed_.empty() || drain_.interrupted();
}

// Rounds --------------------------------------------------------------------------------------------------------------

void Loop::round() {
  if (stage_ == Stage::none) stage_ = Stage::kept_input;
  while (!finished_ && run_stage()) {
    stage_ = stage_ == Stage::bury ? Stage::none : static_cast<Stage>(static_cast<int>(stage_) + 1);
    if (stage_ == Stage::none || budget_.over()) return;
  }
}

bool Loop::run_stage() {
  switch (stage_) {
    case Stage::none:
      return true;
    case Stage::kept_input:
      return take_kept_input();
    case Stage::sockets:
      return sockets_.serve(budget_);
    case Stage::inbox:
      return handle_inbox();
    case Stage::flush:
      return dirty_.flush(draining(), budget_);
    case Stage::kill:
      return kill_doomed();
    case Stage::bury:
      if (!bury_dead()) return false;
      if (draining()) finish_if_drained();
      return true;
  }
  return true;
}

// One turn for each: what is left, or comes back in here, waits until the sockets have had theirs.
bool Loop::take_kept_input() {
  if (drain_.interrupted()) drain_.go_on();
  if (input_turns_left_ == 0) input_turns_left_ = waiting_input_.size();
  while (input_turns_left_ != 0) {
    ++activity_;
    --input_turns_left_;
    const std::uint64_t id = waiting_input_.front();
    waiting_input_.pop_front();
    if (const auto found = connections_.find(id); found != connections_.end()) found->second->take_turn();
    if (input_turns_left_ != 0 && budget_.over()) return false;
  }
  return true;
}

// Once the time was over in here the rest of what has been taken is still handled, but nothing else is, and not all of it when
// that takes too many polls: a host that publishes more than it gives the time for would keep everything else from its turn.
bool Loop::handle_inbox() {
  const auto interrupted = [this] {
    inbox_turns_ = std::max(inbox_turns_, kMaxInboxTurns) + 1;
    if (inbox_turns_ < kMaxInboxTurns + kMaxInboxPolls) return true;
    inbox_turns_ = 0;
    return false;
  };
  for (;;) {
    for (int batch = 0; batch < kMaxInboxTurns; ++batch) {
      if (!take_batch()) return !interrupted();
      if (inbox_turns_ >= kMaxInboxTurns || inbox_.empty()) break;
    }
    if (!retire_peers()) return !interrupted();
    if (++inbox_turns_ >= kMaxInboxTurns || inbox_.empty()) break;
  }
  inbox_turns_ = 0;
  return true;
}

bool Loop::drain_inbox() {
  if (in_inbox_) return true;
  for (int batch = 0; batch < kMaxInboxTurns; ++batch) {
    if (!take_batch()) return false;
    if (inbox_.empty()) break;
  }
  return true;
}

// Everything that is in the inbox now, or what is left of the batch that was interrupted.
bool Loop::take_batch() {
  if (taken_.empty()) inbox_.take(taken_);
  if (taken_.empty()) return true;
  ++activity_;
  in_inbox_ = true;
  bool done = true;
  while (done && next_taken_ < taken_.size()) {
    done = dispatch(taken_[next_taken_]);
    if (!done) break;
    ++next_taken_;
    done = next_taken_ == taken_.size() || !budget_.over();
  }
  in_inbox_ = false;
  if (!done) return false;
  taken_.clear();
  next_taken_ = 0;
  return true;
}

bool Loop::dispatch(InboxItem& item) {
  if (auto* task = std::get_if<Task>(&item)) {
    (*task)();
    return true;
  }
  return std::visit([this](auto& event) { return handle(event); }, std::get<LoopEvent>(item));
}

bool Loop::handle(RoomMessage& event) {
  return fanout_.interrupted() ? fanout_.go_on(budget_) : fanout_.deliver(event.message, budget_);
}

bool Loop::handle(EveryoneMessage& event) {
  return fanout_.interrupted() ? fanout_.go_on(budget_) : fanout_.deliver_to_everyone(event.message, budget_);
}

template <class ToPeer>
bool Loop::handle(ToPeer& event) {
  if (Peer* peer = find_peer(event.client)) peer->handle(event);
  return true;
}

bool Loop::retire_peers() {
  // Callbacks in here may retire others, or ask for these again.
  while (!retired_.empty()) {
    ++activity_;
    const auto [id, retirement] = std::move(retired_.front());
    retired_.pop_front();
    const auto found = peers_.find(id);
    if (found != peers_.end() && (finished_ || !found->second->outlive_link(retirement))) {
      const std::unique_ptr<Peer> peer = std::move(found->second);
      peers_.erase(found);
      peer->retire(retirement);
    }
    if (!retired_.empty() && budget_.over()) return false;
  }
  return true;
}

bool Loop::kill_doomed() {
  bool over = false;
  bool any = false;
  while (!doomed_.empty() && !over && !sockets_.closing_enough(budget_)) {
    ++activity_;
    any = true;
    const auto found = connections_.find(doomed_.front());
    doomed_.pop_front();
    if (found != connections_.end()) found->second->kill();
    over = !doomed_.empty() && budget_.over();
  }
  if (any) context_.cancel_service();
  return !over;
}

bool Loop::bury_dead() {
  if (!retire_peers()) return false;
  while (!buried_.empty()) {
    if (WebSocketLink* link = buried_.back()->websocket(); link && link->dirty_) dirty_.forget(link);
    buried_.pop_back();
    if (!buried_.empty() && budget_.over()) return false;
  }
  return sessions_.bury_dead(budget_);
}

// Connections and peers -----------------------------------------------------------------------------------------------

void Loop::adopt(int socket_fd, std::string peer_address, Share share) {
  ++activity_;
  stats_.connections_total.add();
  stats_.connections_now.add();
  auto owned = std::make_unique<Connection>(*this, ++last_connection_id_, std::move(peer_address), std::move(share));
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
  if (context_.adopt(socket_fd, socket)) {
    socket.watch(sockets_, uv_);
    return;
  }
  log(LogLevel::info, "an accepted connection closed before its first request");
  // When libwebsockets has begun on it, its destruction comes later, by the callback that always comes.
  if (!socket.attached()) bury(connection);
}

WebSocketLink* Loop::find_websocket(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : found->second->websocket();
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
  doomed_.push_back(connection.id());
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
        if (loop->now_ms() - loop->armed_ms_ > kLateMs && loop->late_turns_ < kMaxLateTurns) {
          ++loop->late_turns_;
          // libuv would call it at once with 0.
          uv_timer_start(handle, handle->timer_cb, 1, 0);
          return;
        }
        loop->late_turns_ = 0;
        loop->timers_.advance(loop->now_ms(), loop->budget_);
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
  if (connections_.empty() && peers_.empty() && sessions_.empty() && taken_.empty() && inbox_.empty()) finish();
}

void Loop::finish() { finished_ = true; }

void Loop::close_handles() {
  auto close = [](auto* handle) {
    if (handle->data && !uv_is_closing(as_handle(handle))) uv_close(as_handle(handle), nullptr);
  };
  close(&wake_);
  close(&timer_);
  dirty_.close();
}

void Loop::tear_down() {
  if (!uv_open_) return;
  uv_open_ = false;
  CurrentLoop current(this);
  finished_ = true;
  budget_.lift();
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
  context_.close_strays(&uv_);
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
  sessions_.bury_dead(budget_);
}

}  // namespace chat::net
