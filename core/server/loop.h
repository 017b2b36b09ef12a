// One thread's worth of the server: a libuv loop, a libwebsockets context on it, and everything that lives there. Its inbox
// may be posted to from any thread; all else belongs to the thread that runs it.
//
// A round: every socket that is ready has its turn, then the loop takes its inbox, retires the peers that have gone, writes
// every link with pending frames once, kills the connections that are to die, and buries them. So nothing is destroyed in the
// middle of a fan-out, and a burst costs one write for each receiver.
//
// A host that drives the loop gives it a time budget. When that is over the round stops wherever it is, also in the middle of a
// list or of a fan-out, and goes on there with the next poll. No new input is looked at before a round has ended. So each
// part of the work has its turn, and what is said first arrives first.
#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hub/loop_inbox.h"
#include "hub/source_table.h"
#include "net/base/log_limiter.h"
#include "net/base/memory_release.h"
#include "net/base/server_options.h"
#include "net/base/stats.h"
#include "net/base/time_budget.h"
#include "net/base/timer_wheel.h"
#include "net/deliver/dirty_links.h"
#include "net/deliver/fanout.h"
#include "net/deliver/link.h"
#include "net/deliver/no_link.h"
#include "net/endpoint/engine_io/engine_io_sessions.h"
#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/peer/retirement.h"
#include "net/peer/sender_pause.h"
#include "net/socket/lws_context.h"
#include "net/socket/ready_sockets.h"
#include "server/drain.h"
#include "server/inbox.h"

namespace chat::net {

class Connection;
class Peer;
class Server;
class WebSocketLink;

// Time of day, Unix milliseconds.
std::int64_t wall_clock_ms();

class Loop : public LoopInbox {
 public:
  Loop(Server& server, std::size_t index);
  ~Loop() override;

  // Makes the libuv loop and the context, on the thread that starts the server. event_loop, certificate, no_memory.
  // table_places: see descriptors.h.
  Status start(int table_places);

  // Any thread -------------------------------------------------------------------------------------------------------

  void post(LoopEvent event) override;
  // False when the loop has ended: the task is dropped.
  bool post_task(Task task);
  const LoopStats& stats() const { return stats_; }
  // The loop that runs on the calling thread, or nullptr.
  static Loop* current();

  // The thread that runs it ------------------------------------------------------------------------------------------

  // Until the drain has ended.
  void run();
  // The same, on a thread that does nothing else.
  void run_as_thread();
  // Takes everything down, whatever state it is in; for a loop that never ran, and harmless after run().
  void shut_down() { tear_down(); }
  // As run(), but returns when nothing is ready or poll_budget_ms is over. Then fd() becomes readable when there is something to
  // do, at once if there is more.
  void run_ready();
  // Until run_ready() has something to do.
  void wait_readable(int timeout_ms) const { sockets_.wait_readable(timeout_ms); }
  int fd() const { return sockets_.fd(); }
  void set_readable() { sockets_.set_timeout(0); }
  bool finished() const { return finished_; }
  uv_loop_t* uv() { return &uv_; }
  TimeBudget& budget() { return budget_; }

  std::size_t index() const { return index_; }
  Server& server() { return server_; }
  const ServerOptions& options() const;
  const OutboxLimits& outbox_limits() const { return outbox_limits_; }
  LoopStats& stats() { return stats_; }
  Fanout& fanout() { return fanout_; }
  LwsContext& context() { return context_; }
  std::string& scratch() { return scratch_; }
  std::int64_t now_ms() const { return static_cast<std::int64_t>(uv_now(&uv_)); }
  void log(LogLevel level, std::string_view text);

  // Something ran: run_ready() goes round once more.
  void note_activity() { ++activity_; }
  void set_timer(TimerEntry& entry, std::int64_t deadline_ms);
  void add_dirty(Link* link) { dirty_.add(link); }
  void forget_dirty(Link* link) { dirty_.forget(link); }
  // Input that the connection has kept can be used now: it has a turn before the loop waits. See Connection::take_turn().
  void add_waiting_input(const Connection& connection);

  // Takes the socket. Called by the loop that accepts, through a task.
  void adopt(int socket_fd, std::string peer_address, Share share);

  // Now, when it is this loop, or in that loop's turn.
  void run_on(std::size_t loop, Task task);
  // To whichever loop holds the request; see Connection::answer().
  void answer(const HeldRequest& request, HttpResponse response, bool essential);

  EngineIoSessions& sessions() { return sessions_; }
  Link& no_link() { return no_link_; }
  MemoryRelease& memory() { return memory_; }
  SenderPause& senders() { return senders_; }
  // Of containers that keep the capacity of their largest round.
  void give_back_memory();

  // The peer of a client, or nullptr.
  Peer* find_peer(ClientId id);
  void add_peer(std::unique_ptr<Peer> peer);
  // Without a word to anybody: the client lives on elsewhere, or never was.
  void drop_peer(ClientId id);
  // Ends the peer at the end of the round, once; the first code counts.
  void retire(ClientId id, Retirement retirement);
  // Now, before their link goes. False when the time was over before. Not in the middle of a fan-out.
  bool retire_peers();

  // Closes the connection's stream at the end of the round.
  void doom(Connection& connection);
  // The connection's stream is released: the connection is destroyed at the end of the round.
  void bury(Connection& connection);

  // Takes the inbox now, for what must be done before more input comes. False when the time was over before: then what is
  // posted now comes behind it. Not from inside itself.
  bool drain_inbox();
  // Of a connection, or nullptr.
  WebSocketLink* find_websocket(std::uint64_t connection);

  // Says goodbye to every link, spread over drain_spread_ms, and ends the loop when the last has gone or in the end anyway.
  void begin_drain();
  bool draining() const { return drain_.begun(); }
  // Whoever is left is ended without a word.
  void finish();

 private:
  // Where a round is.
  enum class Stage : std::uint8_t { none, kept_input, sockets, inbox, flush, kill, bury };

  void turn_libuv();
  void round();
  bool busy() const;
  // The stages: false when the time was over before the stage was done.
  bool run_stage();
  bool take_kept_input();
  bool handle_inbox();
  bool kill_doomed();
  bool bury_dead();

  bool take_batch();
  bool dispatch(InboxItem& item);
  bool handle(RoomMessage& event);
  bool handle(EveryoneMessage& event);
  template <class ToPeer>
  bool handle(ToPeer& event);
  void arm_timer();
  void wake();
  void finish_if_drained();
  void close_handles();
  void tear_down();

  Server& server_;
  const std::size_t index_;
  OutboxLimits outbox_limits_;
  LoopStats stats_;
  LogLimiter log_limiter_;
  Inbox inbox_;
  std::vector<InboxItem> taken_;  // reused, so that a round allocates nothing
  std::size_t next_taken_ = 0;
  bool in_inbox_ = false;

  TimeBudget budget_;
  Stage stage_ = Stage::none;
  int inbox_turns_ = 0;  // in this round

  uv_loop_t uv_{};
  bool uv_open_ = false;
  uv_async_t wake_{};
  uv_timer_t timer_{};
  std::int64_t armed_ms_ = -1;
  int late_turns_ = 0;
  std::uint64_t activity_ = 0;  // rises whenever something ran, for run_ready()
  TimerWheel timers_;
  ReadySockets sockets_;
  LwsContext context_;
  Fanout fanout_;
  std::string scratch_;

  std::uint64_t last_connection_id_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  EngineIoSessions sessions_;
  NoLink no_link_{*this};
  std::unordered_map<ClientId, std::unique_ptr<Peer>> peers_;
  DirtyLinks dirty_{*this};
  std::deque<std::uint64_t> waiting_input_;  // connections
  std::size_t input_turns_left_ = 0;         // of those at its front, in this round
  std::deque<std::pair<ClientId, Retirement>> retired_;
  std::deque<std::uint64_t> doomed_;  // connections
  std::vector<std::unique_ptr<Connection>> buried_;

  bool finished_ = false;
  Drain drain_{*this};
  MemoryRelease memory_{*this};
  SenderPause senders_{*this};
};

}  // namespace chat::net
