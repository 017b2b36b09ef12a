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

#include <cstdint>
#include <string>
#include <vector>

#include "hub/loop_inbox.h"
#include "hub/source_table.h"
#include "net/connection/connections.h"
#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/engine_io/engine_io_endpoint.h"
#include "net/endpoint/single/single_endpoint.h"
#include "net/session/session_home.h"
#include "net/socket/lws_context.h"
#include "net/socket/ready_sockets.h"
#include "server/drain.h"
#include "server/inbox.h"
#include "server/routes.h"

namespace chat::net {

class Server;

class Loop final : public LoopInbox, public EndpointContext {
 public:
  Loop(Server& server, std::size_t index);
  ~Loop() override;

  // Makes the libuv loop and the context, on the thread that starts the server. event_loop, certificate, no_memory.
  // table_places: see descriptors.h.
  Status start(int table_places);

  // Any thread -------------------------------------------------------------------------------------------------------

  void post(LoopEvent event) override;
  bool post_task(Task task) override;
  Loop& at(std::size_t loop) override;
  Hub& hub() override;
  Dispatcher& dispatcher() override;
  // The loop that runs on the calling thread, or nullptr.
  static Loop* current() { return static_cast<Loop*>(LoopContext::current()); }

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

  Server& server() { return server_; }
  LwsContext& context() { return context_; }
  SessionHome& sessions() { return sessions_; }
  const HttpRules& rules() const override;
  std::int64_t now_ms() const override { return static_cast<std::int64_t>(uv_now(&uv_)); }
  void note_activity() override { ++activity_; }
  void set_timer(TimerEntry& entry, std::int64_t deadline_ms) override;
  void answer(const HeldRequest& request, HttpResponse response, bool essential) override;
  void write(const HeldRequest& request, std::string bytes, bool last) override;
  bool drain_inbox() override;

  // Takes the socket. Called by the loop that accepts, through a task.
  void adopt(int socket_fd, std::string remote_address, Share share);

  // Says goodbye to every link, spread over drain_spread_ms, and ends the loop when the last has gone or in the end anyway.
  void begin_drain();
  bool draining() const override { return drain_.begun(); }
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
  void give_back_memory() override;

  bool take_batch();
  bool dispatch(InboxItem& item);
  void arm_timer();
  void wake();
  void finish_if_drained();
  void close_handles();
  void tear_down();

  Server& server_;
  Inbox inbox_;
  std::vector<InboxItem> taken_;  // reused, so that a round allocates nothing
  std::size_t next_taken_ = 0;
  bool in_inbox_ = false;

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

  Routes routes_;
  Connections connections_;
  SingleEndpoint single_{*this};
  SessionHome sessions_;
  EngineIoEndpoint engine_io_;

  bool finished_ = false;
  Drain drain_{*this, [this] { finish(); }};
};

}  // namespace chat::net
