// An event loop of the server: a libuv loop, with TLS a libwebsockets context on it, and everything that lives there. Any thread may
// post to its inbox; everything else belongs to the thread that runs it.
//
// A round: every ready socket is served, then the loop takes its inbox, retires peers, writes every link with pending frames once,
// closes doomed connections, and destroys what has ended. So nothing is destroyed in the middle of a fan-out, and a burst costs
// one write for each receiver.
//
// A host that drives the loop gives it a time budget. When the budget is over, the round stops wherever it is, also in the middle of
// a list or of a fan-out, and the next poll continues there. New input is read only after the round has ended. So each part of
// the work has its turn, and the order of messages is kept.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hub/loop_inbox.h"
#include "hub/source_table.h"
#include "net/connection/connections.h"
#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/engine_io/engine_io_endpoint.h"
#include "net/endpoint/rest/rest_endpoint.h"
#include "net/endpoint/single/single_endpoint.h"
#include "net/endpoint/sockjs/sockjs_endpoint.h"
#include "net/endpoint/stomp/stomp_endpoint.h"
#include "net/session/session_home.h"
#include "net/socket/lws_context.h"
#include "net/socket/ready_sockets.h"
#include "server/drain.h"
#include "server/inbox.h"
#include "server/routes.h"

namespace chat::net {

class OwnedSocket;
class Server;

class Loop final : public LoopInbox, public EndpointContext {
 public:
  Loop(Server& server, std::size_t index);
  ~Loop() override;

  // Creates the libuv loop, and the context if the server has TLS, on the thread that starts the server. event_loop, system,
  // certificate, no_memory. table_places: see descriptors.h; only with TLS.
  Status start(int table_places);

  // Any thread -------------------------------------------------------------------------------------------------------

  void post(LoopEvent event) override;
  void reserve(std::size_t events) override { inbox_.reserve(events); }
  void post_reserved(LoopEvent&& event) noexcept override;
  void release(std::size_t events) noexcept override { inbox_.release(events); }
  bool post_task(Task task) override;
  Loop& at(std::size_t loop) override;
  Hub& hub() override;
  Dispatcher& dispatcher() override;
  void on_clients_full(const std::string& address) override { rest_.make_way(address); }
  // The loop that runs on the calling thread, or nullptr.
  static Loop* current() { return static_cast<Loop*>(LoopContext::current()); }

  // The thread that runs it ------------------------------------------------------------------------------------------

  // Runs until the drain has ended.
  void run();
  // The same, with on_thread_start() and on_thread_stop().
  void run_as_thread();
  // Destroys everything that lives on the loop. For a loop that never ran; does nothing after run().
  void shut_down() { tear_down(); }
  // Runs until nothing is ready or poll_budget_ms is over. Afterwards fd() is readable as soon as there is something to do.
  void run_ready();
  // Waits until run_ready() has something to do.
  void wait_readable(int timeout_ms) const { sockets_.wait_readable(timeout_ms); }
  int fd() const { return sockets_.fd(); }
  void set_readable() { sockets_.set_timeout(0); }
  bool finished() const { return finished_; }
  uv_loop_t* uv() { return &uv_; }
  ReadySockets& sockets() { return sockets_; }

  // Before the loop runs: there is a cluster.
  void open_far(FarServers& far);

  Server& server() { return server_; }
  // nullptr without TLS.
  LwsContext* tls() { return tls_.get(); }
  SessionHome& sessions() { return sessions_; }
  const HttpRules& rules() const override;
  std::int64_t now_ms() const override { return static_cast<std::int64_t>(uv_now(&uv_)); }
  Moment moment() override;
  void note_activity() override { ++activity_; }
  void set_timer(TimerEntry& entry, std::int64_t deadline_ms) override;
  void answer(const HeldRequest& request, HttpResponse response, bool essential) override;
  void write(const HeldRequest& request, std::string bytes, bool last) override;
  int direct_fd(const HeldRequest& request) override;
  void write_rest(const HeldRequest& request, std::string bytes) override;
  bool drain_inbox() override;

  // Takes over an accepted socket. Called in a task that the accepting loop posts.
  void adopt(OwnedSocket& accepted, std::string remote_address);

  // Starts the drain, see drain.h. The loop ends when the last client has disconnected, or after drain_timeout_ms.
  void begin_drain();
  bool draining() const override { return drain_.begun(); }
  // Ends the loop. Clients that are left get no goodbye.
  void finish();

 private:
  // The stages of a round.
  enum class Stage : std::uint8_t { none, kept_input, sockets, inbox, deliver, flush, kill, bury };

  void turn_libuv();
  void round();
  bool busy() const;
  // False when the time budget was over before the stage was done.
  bool run_stage();
  bool take_kept_input();
  bool handle_inbox();
  bool deliver();
  bool kill_doomed();
  bool bury_dead();
  void give_back_memory() override;

  bool take_batch();
  bool dispatch(InboxItem& item);
  void adopt_plain(Connection& connection, int socket_fd);
  void adopt_tls(Connection& connection, int socket_fd);
  void answer_here(const HeldRequest& request, HttpResponse response, bool essential);
  void write_here(const HeldRequest& request, const std::string& bytes, bool last);
  void arm_timer();
  bool must_wait_for_sockets();
  void wake();
  void finish_if_drained();
  void close_handles();
  void tear_down();

  Server& server_;
  Inbox inbox_;
  std::vector<InboxItem> taken_;  // the batch in work; its capacity is reused
  std::size_t next_taken_ = 0;
  bool in_inbox_ = false;

  Stage stage_ = Stage::none;
  int inbox_turns_ = 0;  // how often this round has taken the inbox

  uv_loop_t uv_{};
  bool uv_open_ = false;
  bool uv_has_run_ = false;
  uv_async_t wake_{};
  uv_timer_t timer_{};
  std::int64_t armed_ms_ = -1;
  int late_turns_ = 0;
  std::int64_t grace_until_ms_ = 0;  // late timers wait until then
  std::uint64_t activity_ = 0;       // increases whenever something ran, for run_ready()
  TimerWheel timers_;
  std::int64_t aged_ms_ = -1;  // now_ms() when age_ms_ was read
  std::int64_t age_ms_ = 0;    // see Moment
  ReadySockets sockets_;
  std::unique_ptr<LwsContext> tls_;

  Routes routes_;
  Connections connections_;
  SingleEndpoint single_{*this};
  StompEndpoint stomp_{*this};
  SessionHome sessions_;
  EngineIoEndpoint engine_io_;
  SockJsEndpoint sockjs_;
  RestEndpoint rest_;

  bool finished_ = false;
  Drain drain_{*this, [this] { finish(); }};
};

}  // namespace chat::net
