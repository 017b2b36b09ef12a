// A running server: the hub, its loops and their threads, the listener. The only class below capi that capi starts and stops.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hub/application.h"
#include "hub/dispatcher.h"
#include "hub/hub.h"
#include "net/base/refusal_log.h"
#include "net/base/server_options.h"
#include "net/base/stats.h"
#include "net/endpoint/engine_io/engine_io_shared.h"
#include "net/endpoint/rest/rest_shared.h"
#include "net/http/request_context.h"
#include "net/serve/compiled_in.h"
#include "net/serve/metrics.h"
#include "net/serve/socket_io_client_files.h"
#include "net/serve/static_files.h"
#include "net/session/far_requests.h"
#include "net/session/session_table.h"
#include "net/socket/listener.h"
#include "server/cluster.h"
#include "server/guest.h"
#include "store/stored_history.h"

namespace chat::net {

class Expiry;
class PresenceTimer;
class Loop;
class OwnedSocket;

class Server final : private AcceptUser, private FarListener {
 public:
  // `application` must outlive the server. Callbacks may be called before this returns.
  // history: keeps the history instead of the file that the options may name; nullptr: none.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Application& application,
                                               std::unique_ptr<store::StoreBackend> history = nullptr);
  // Stops the server and waits for the drain, if that was not done. Not from one of the server's own callbacks.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The server whose loop runs on the calling thread. For callbacks that are called before start() has returned.
  static Server* current();

  // Any thread -------------------------------------------------------------------------------------------------------

  void stop();  // starts the drain
  // With threads: waits until the drain has ended, but does not start it. timed_out after timeout_ms; -1: no limit.
  Status wait(int timeout_ms);
  bool stopping() const { return stopping_.load(); }
  bool on_own_thread() const;  // the caller is inside a callback or a poll of this server
  int port() const;            // 0 on a UNIX socket
  Status reload_tls();
  // Waits until every loop has run once. timed_out, stopped, wrong_thread.
  Status check_loops(int timeout_ms);
  Hub& hub() { return *hub_; }
  // All 0 without a file.
  HistoryStats history_stats() const;
  ClusterStats cluster_stats() const { return cluster_ ? cluster_->stats() : ClusterStats(); }
  FarStats far_stats() const { return far_requests_.stats(); }
  GuestStats guest_stats() const { return guest_ ? guest_->stats() : GuestStats(); }
  // For load balancers: whether it serves new clients well.
  bool ready() const { return !stopping() && (!cluster_ || cluster_->ready()); }
  const ServerOptions& options() const { return options_; }
  ServerStats stats() const;
  MetricsSnapshot metrics() const;

  // threads = 0 ------------------------------------------------------------------------------------------------------

  Status poll(int timeout_ms);  // Error::stopped once the drain has ended
  int fd() const;               // -1 with threads

  // For the loops ----------------------------------------------------------------------------------------------------

  Application& application() { return application_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  RefusalLog& refusals() { return refusals_; }
  std::atomic<std::int64_t>& connections() { return connections_; }
  const StaticFiles& static_files() const { return static_files_; }
  Loop& loop(std::size_t index) { return *loops_[index]; }
  SessionTable& sessions() { return sessions_; }
  FarRequests& far_requests() { return far_requests_; }
  EngineIoShared& engine_io() { return engine_io_; }
  RestShared& rest() { return rest_; }
  const CompiledIn& compiled_in() const { return compiled_in_; }
  const SocketIoClientFiles& socket_io_client_files() const { return socket_io_client_files_; }
  const HttpRules& http_rules() const { return http_rules_; }

 private:
  Server(ServerOptions options, Application& application);
  Status start_parts(std::unique_ptr<store::StoreBackend> history_backend);
  // Gives the socket to the next loop.
  void on_accepted(int socket_fd, std::string remote_address) override;
  void on_far_text(std::string_view text) override;
  bool has_tls() const { return !options_.tls_certificate_file.empty(); }
  Result<int> check_descriptors() const;
  void refuse(const OwnedSocket& socket, const std::string& remote_address, Refusal reason);
  void log_hidden_paths();
  // Any thread: makes the first loop send the presence notices that are due.
  void wake_presence();
  Status open_cluster();
  Status start_guest();
  Status start_history();
  Status start_threads();

  const ServerOptions options_;
  Application& application_;
  RefusalLog refusals_;
  HttpRules http_rules_;
  StaticFiles static_files_;
  SessionTable sessions_;
  FarRequests far_requests_;  // outlives the loops
  EngineIoShared engine_io_;
  RestShared rest_;
  SocketIoClientFiles socket_io_client_files_;
  CompiledIn compiled_in_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> stop_posted_ = false;  // every loop has its task, or has ended
  std::atomic<bool> poll_ended_ = false;   // with threads = 0: the drain is over
  std::atomic<std::int64_t> connections_ = 0;
  const std::int64_t started_at_ms_;  // time of day
  std::size_t next_loop_ = 0;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<Cluster> cluster_;               // nullptr: this server is alone. Outlives the hub, whose logs use it
  std::unique_ptr<ClusterGuest> guest_;            // nullptr: of no cluster. Outlives the hub
  std::unique_ptr<store::StoredHistory> history_;  // nullptr: in memory only. Outlives the hub, whose logs use it
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<PresenceTimer> presence_timer_;
  std::unique_ptr<Expiry> expiry_;
  bool host_driven_ = false;  // started with threads = 0
  std::vector<std::thread> threads_;
  std::mutex ended_mutex_;
  std::condition_variable all_ended_;  // no loop runs any more
  std::size_t running_loops_ = 0;
};

}  // namespace chat::net
