// See loop.h.
#include "server/loop.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

#include "model/give_back.h"
#include "net/base/scoped_flag.h"
#include "net/connection/connection.h"
#include "net/peer/peer.h"
#include "net/socket/plain_socket.h"
#include "net/socket/tls_socket.h"
#include "server/owned_socket.h"
#include "server/server.h"

namespace chat::net {
namespace {

// In one round the inbox is taken so many times before sockets are served again.
constexpr int kMaxInboxTurns = 16;
// So many polls may end in the middle of the inbox before its rest waits for the next round.
constexpr int kMaxInboxPolls = 8;
// A poll without a time budget returns after so many rounds.
constexpr int kMaxTurns = 1000;

// glibc defers the merging of small freed blocks and then merges all of them in one call, which takes 6 ms after 5,000 clients have
// left. The allocation of a larger block makes it merge the blocks that were freed so far.
void merge_freed_blocks() {
  void* volatile block = std::malloc(2'048);  // NOLINT(cppcoreguidelines-owning-memory)
  std::free(block);                           // NOLINT(cppcoreguidelines-owning-memory)
}

// A timer is this late when the host did not poll, a callback took long, or the process or its machine was stopped. Answers to pings
// may then wait in the sockets, which libuv reads after its timers, and a client in the middle of a TLS handshake had nothing to
// answer. So the timers wait as long again, at most kMaxGraceMs, and until the sockets were served kLateTurns times.
constexpr std::int64_t kLateMs = 100;
constexpr std::int64_t kMaxGraceMs = 1'000;
constexpr int kLateTurns = 3;

template <class Handle>
Loop* loop_of(Handle* handle) {
  return static_cast<Loop*>(handle->data);
}

template <class Handle>
uv_handle_t* as_handle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

}  // namespace

Loop::Loop(Server& server, std::size_t index)
    : EndpointContext(index, server.options(), server.application(), server.refusals()),
      server_(server),
      timers_(static_cast<std::int64_t>(uv_hrtime() / 1'000'000)),
      routes_(*this, server),
      connections_(*this, routes_, server.http_rules(), server.connections()),
      sessions_(*this, server.sessions()),
      engine_io_(sessions_, server.engine_io()),
      sockjs_(sessions_, routes_.endpoints()),
      rest_(sessions_, server.rest()) {
  EndpointTable& endpoints = routes_.endpoints();
  endpoints.add(Protocol::plain, single_);
  endpoints.add(Protocol::chat_v1, single_);
  endpoints.add(Protocol::socket_io, engine_io_);
  endpoints.set_sockjs(sockjs_);
  endpoints.add(Protocol::stomp, stomp_);
  endpoints.add(Protocol::http, rest_);
}

Loop::~Loop() { tear_down(); }

Loop& Loop::at(std::size_t loop) { return server_.loop(loop); }

Hub& Loop::hub() { return server_.hub(); }

Dispatcher& Loop::dispatcher() { return server_.dispatcher(); }

const HttpRules& Loop::rules() const { return server_.http_rules(); }

Status Loop::start(int table_places) {
  if (uv_loop_init(&uv_) != 0) return {Error::event_loop, "libuv could not create an event loop"};
  uv_open_ = true;
  uv_update_time(&uv_);
  uv_async_init(&uv_, &wake_, [](uv_async_t* handle) { ++loop_of(handle)->activity_; });
  uv_timer_init(&uv_, &timer_);
  dirty_links().open(&uv_);
  wake_.data = timer_.data = this;
  if (!sockets_.open(uv_backend_fd(&uv_), options().threads == 0)) return {Error::system, "no file descriptor left"};
  if (options().tls_certificate_file.empty()) return {};
  const Running running(this);
  tls_ = std::make_unique<LwsContext>();
  return tls_->create(&uv_, options(), table_places);
}

// Any thread ----------------------------------------------------------------------------------------------------------

void Loop::post(LoopEvent event) {
  // The loop's own thread takes the inbox in this round or the next one.
  inbox_.push(std::move(event), [this] {
    if (current() != this) wake();
  });
}

void Loop::post_reserved(LoopEvent&& event) noexcept {
  inbox_.push_reserved(std::move(event), [this] {
    if (current() != this) wake();
  });
}

bool Loop::post_task(Task task) {
  return inbox_.push(std::move(task), [this] {
    if (current() != this) wake();
  });
}

void Loop::wake() { uv_async_send(&wake_); }

// Running -------------------------------------------------------------------------------------------------------------

void Loop::run() {
  const Running running(this);
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
  const Running running(this);
  application().on_thread_start();
  run();
  application().on_thread_stop();
}

void Loop::run_ready() {
  const Running running(this);
  if (options().poll_budget_ms != kUnlimited) budget().begin(options().poll_budget_ms);
  uv_update_time(&uv_);
  const auto living = [this] { return connections_.living() + peers().size(); };
  const std::size_t before_poll = living();
  bool more = true;
  for (int turn = 0; turn < kMaxTurns && more && !budget().over() && !finished_; ++turn) {
    const std::uint64_t before = activity_;
    if (stage_ == Stage::none) {
      sockets_.wait(0);
      turn_libuv();
    }
    round();
    // libuv registers a new descriptor only at the beginning of its next turn: one turn without any activity must follow.
    more = busy() || activity_ != before;
  }
  if (budget().limited() && living() < before_poll) merge_freed_blocks();
  budget().lift();
  if (finished_) return;
  uv_update_time(&uv_);
  sockets_.set_timeout(more ? 0 : uv_backend_timeout(&uv_));
}

// A turn of libuv costs a system call, so it has one only when one of its descriptors is ready, a timer is due, or a handle closes.
// The first turn registers its descriptors. libwebsockets adds some at any time.
void Loop::turn_libuv() {
  uv_update_time(&uv_);
  if (uv_has_run_ && !tls_ && !sockets_.loop_is_ready() && uv_backend_timeout(&uv_) != 0) return;
  uv_has_run_ = true;
  uv_run(&uv_, UV_RUN_NOWAIT);
  sockets_.closed();
}

// There is work that does not depend on a socket becoming ready.
bool Loop::busy() const {
  return stage_ != Stage::none || connections_.has_waiting_input() || sockets_.pending() || !inbox_.empty() ||
         !taken_.empty() || dirty_links().needs_round() || peers().retirement_due() || connections_.any_doomed() ||
         drain_.interrupted();
}

// Rounds --------------------------------------------------------------------------------------------------------------

void Loop::round() {
  if (stage_ == Stage::none) stage_ = Stage::kept_input;
  while (!finished_ && run_stage()) {
    stage_ = stage_ == Stage::bury ? Stage::none : static_cast<Stage>(static_cast<int>(stage_) + 1);
    if (stage_ == Stage::none || budget().over()) return;
  }
}

bool Loop::run_stage() {
  switch (stage_) {
    case Stage::none:
      return true;
    case Stage::kept_input:
      return take_kept_input();
    case Stage::sockets:
      return sockets_.serve(budget());
    case Stage::inbox:
      return handle_inbox();
    case Stage::deliver:
      return deliver();
    case Stage::flush:
      return dirty_links().flush(draining(), budget());
    case Stage::kill:
      return kill_doomed();
    case Stage::bury:
      if (!bury_dead()) return false;
      if (draining()) finish_if_drained();
      return true;
  }
  return true;
}

bool Loop::take_kept_input() {
  if (drain_.interrupted()) drain_.go_on();
  return connections_.take_waiting_input();
}

// When the budget ends in here, the next polls handle the rest of the batch and nothing else. After kMaxInboxPolls of them the round
// goes on: otherwise a host that publishes more than its polls can handle would starve everything else.
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
    if (!peers().retire_due()) return !interrupted();
    if (++inbox_turns_ >= kMaxInboxTurns || inbox_.empty()) break;
  }
  inbox_turns_ = 0;
  return true;
}

bool Loop::deliver() {
  const ScopedFlag in_inbox(in_inbox_);
  return peers().finish_deliveries();
}

bool Loop::drain_inbox() {
  if (in_inbox_) return peers().finish_deliveries();
  for (int batch = 0; batch < kMaxInboxTurns; ++batch) {
    if (!take_batch()) return false;
    if (inbox_.empty()) break;
  }
  return deliver();
}

// Handles everything that is in the inbox now, or the rest of an interrupted batch.
bool Loop::take_batch() {
  if (taken_.empty()) inbox_.take(taken_);
  if (taken_.empty()) return true;
  ++activity_;
  const ScopedFlag in_inbox(in_inbox_);
  bool done = true;
  while (done && next_taken_ < taken_.size()) {
    try {
      done = dispatch(taken_[next_taken_]);
    } catch (...) {
      // The next call continues with the rest of the message's receivers, or with the next item.
      if (!peers().must_repeat()) ++next_taken_;
      throw;
    }
    if (!done) break;
    ++next_taken_;
    done = next_taken_ == taken_.size() || !budget().over();
  }
  if (!done) return false;
  taken_.clear();
  next_taken_ = 0;
  return true;
}

bool Loop::dispatch(InboxItem& item) {
  if (auto* task = std::get_if<Task>(&item)) {
    if (!peers().finish_deliveries()) return false;
    (*task)();
    return true;
  }
  return peers().handle(std::get<LoopEvent>(item));
}

bool Loop::kill_doomed() {
  if (!connections_.any_doomed()) return true;
  const bool done = connections_.kill_doomed([this] { return sockets_.closing_enough(budget()); });
  if (tls_) tls_->cancel_service();
  return done;
}

bool Loop::bury_dead() {
  return peers().retire_due() && connections_.destroy_buried() && sessions().bury_dead(budget());
}

// Connections ---------------------------------------------------------------------------------------------------------

void Loop::adopt(OwnedSocket& accepted, std::string remote_address) {
  Connection& connection = connections_.add(std::move(remote_address), accepted.take_share());
  const int socket_fd = accepted.take();
  if (draining()) {
    ::close(socket_fd);
    connections_.bury(connection);
    return;
  }
  set_timer(connection, now_ms() + options().handshake_timeout_ms);
  if (tls_) {
    adopt_tls(connection, socket_fd);
  } else {
    adopt_plain(connection, socket_fd);
  }
}

void Loop::adopt_plain(Connection& connection, int socket_fd) {
  PlainSocket* socket = nullptr;
  try {
    auto owned_socket = std::make_unique<PlainSocket>(connection);
    socket = owned_socket.get();
    connection.set_stream(std::move(owned_socket));
  } catch (const std::bad_alloc&) {
    ::close(socket_fd);
    connections_.bury(connection);
    throw;
  }
  bool open = false;
  try {
    open = socket->open(sockets_, socket_fd);
  } catch (const std::bad_alloc&) {
    socket->close();
    throw;
  }
  if (open) return;
  log(LogLevel::warning, "an accepted connection cannot be watched: " + std::string(std::strerror(errno)));
  socket->close();
}

void Loop::adopt_tls(Connection& connection, int socket_fd) {
  auto owned_socket = std::make_unique<TlsSocket>(connection);
  TlsSocket& socket = *owned_socket;
  connection.set_stream(std::move(owned_socket));
  if (tls_->adopt(socket_fd, socket)) {
    socket.watch(sockets_, uv_);
    return;
  }
  log(LogLevel::info, "an accepted connection closed before its first request");
  // When libwebsockets has taken the socket, its last callback destroys the connection.
  if (!socket.attached()) connections_.bury(connection);
}

// A request may be held by another server of the cluster.
void Loop::answer_here(const HeldRequest& request, HttpResponse response, bool essential) {
  if (request.connection == FarGate::kConnection) {
    sessions_.far_gate().answer(request.number, std::move(response), essential);
  } else {
    connections_.answer(request, std::move(response), essential);
  }
}

void Loop::write_here(const HeldRequest& request, const std::string& bytes, bool last) {
  if (request.connection == FarGate::kConnection) {
    sessions_.far_gate().write(request.number, bytes, last);
  } else {
    connections_.write(request, bytes, last);
  }
}

void Loop::answer(const HeldRequest& request, HttpResponse response, bool essential) {
  if (request.loop == index()) {
    answer_here(request, std::move(response), essential);
    return;
  }
  Loop& there = at(request.loop);
  there.post_task([&there, request, response = std::move(response), essential] {
    there.answer_here(request, response, essential);
  });
}

void Loop::write(const HeldRequest& request, std::string bytes, bool last) {
  if (request.loop == index()) {
    write_here(request, bytes, last);
    return;
  }
  Loop& there = at(request.loop);
  there.post_task([&there, request, bytes = std::move(bytes), last] { there.write_here(request, bytes, last); });
}

void Loop::open_far(FarServers& far) {
  sessions_.far_gate().open(far, server_.far_requests(),
                            [this](const HttpRequest& request, const RequestContext& context) {
                              return routes_.route_forwarded(request, context);
                            });
}

int Loop::direct_fd(const HeldRequest& request) {
  return request.loop == index() ? connections_.direct_fd(request) : -1;
}

void Loop::write_rest(const HeldRequest& request, std::string bytes) { connections_.write_rest(request, bytes); }

void Loop::give_back_memory() {
  if (!in_inbox_ && taken_.empty()) give_back(taken_);
  inbox_.give_back_memory();
  dirty_links().give_back_memory();
}

// Time ----------------------------------------------------------------------------------------------------------------

Moment Loop::moment() {
  if (aged_ms_ != now_ms()) {
    aged_ms_ = now_ms();
    age_ms_ = current_moment().age_ms;
  }
  return {wall_clock_ms(), age_ms_};
}

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
        if (loop->must_wait_for_sockets()) {
          // libuv would call it at once with 0.
          const std::int64_t grace_ms = std::max<std::int64_t>(1, loop->grace_until_ms_ - loop->now_ms());
          uv_timer_start(handle, handle->timer_cb, static_cast<std::uint64_t>(grace_ms), 0);
          return;
        }
        // Also when a timer throws std::bad_alloc, or no timer would be called any more.
        struct Rearm {
          ~Rearm() {
            loop->armed_ms_ = loop->timers_.next_ms();
            if (loop->armed_ms_ != -1) loop->arm_timer();
          }
          Loop* loop;
        } const rearm{loop};
        if (loop->timers_.advance(loop->now_ms(), loop->budget())) loop->late_turns_ = 0;
      },
      static_cast<std::uint64_t>(wait_ms), 0);
}

// Whether the timers are late and the clients have not had their time yet. They get it once until the timers have caught up.
bool Loop::must_wait_for_sockets() {
  const std::int64_t late_ms = now_ms() - armed_ms_;
  if (late_ms <= kLateMs) return false;
  if (late_turns_ == 0) grace_until_ms_ = now_ms() + std::min(late_ms, kMaxGraceMs);
  if (late_turns_ >= kLateTurns && now_ms() >= grace_until_ms_) return false;
  ++late_turns_;
  return true;
}

// Drain ---------------------------------------------------------------------------------------------------------------

void Loop::begin_drain() {
  if (draining()) return;
  std::vector<Task> goodbyes = routes_.endpoints().goodbyes();
  std::ranges::move(sessions_.goodbyes(), std::back_inserter(goodbyes));
  drain_.begin(std::move(goodbyes));
  for (const auto& [id, peer] : peers()) peer->give_up_waiting();
  connections_.doom_idle();
  finish_if_drained();
}

void Loop::finish_if_drained() {
  if (!draining() || finished_) return;
  const bool sessions_left = !sessions_.empty() || engine_io_.local().expects_any();
  if (connections_.empty() && peers().empty() && !sessions_left && taken_.empty() && inbox_.empty()) finish();
}

void Loop::finish() { finished_ = true; }

void Loop::close_handles() {
  auto close = [](auto* handle) {
    if (handle->data && !uv_is_closing(as_handle(handle))) uv_close(as_handle(handle), nullptr);
  };
  close(&wake_);
  close(&timer_);
  dirty_links().close();
}

void Loop::tear_down() {
  if (!uv_open_) return;
  uv_open_ = false;
  const Running running(this);
  finished_ = true;
  budget().lift();
  inbox_.close();
  drain_inbox();  // a session that was moving here arrives, and ends with the others
  TimerWheel::cancel(drain_);
  TimerWheel::cancel(memory());
  // Sockets first: their callbacks need everything else.
  if (tls_) {
    tls_->begin_destroy();
  } else {
    connections_.kill_all();
  }
  sessions().far_gate().shut_down();
  sessions().end_all();
  peers().retire_all({1001, std::string(kStopping)});
  close_handles();
  if (tls_) tls_->close_strays(&uv_);
  uv_run(&uv_, UV_RUN_DEFAULT);
  if (tls_) tls_->finish_destroy();
  uv_run(&uv_, UV_RUN_DEFAULT);
  uv_loop_close(&uv_);
  peers().retire_due();
  peers().clear();
  dirty_links().clear();
  connections_.destroy_all();
  sessions().bury_dead(budget());
}

}  // namespace chat::net
