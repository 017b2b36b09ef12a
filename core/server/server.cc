// See server.h.
#include "server/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <random>
#include <system_error>

#include "net/base/clock.h"
#include "net/base/descriptors.h"
#include "net/base/fork_guard.h"
#include "net/base/platform.h"
#include "net/socket/listener.h"
#include "server/history_store.h"
#include "server/loop.h"
#include "server/owned_socket.h"

namespace chat::net {
namespace {

// For each loop: two epoll instances (one of them is ours), an event descriptor, a pipe. For libwebsockets: another event descriptor,
// /dev/urandom.
constexpr std::size_t kDescriptorsPerLoop = 5;
constexpr std::size_t kTlsDescriptorsPerLoop = 2;
// For the server: the listening socket, libuv's pipe for signals, the timer of chat_server_fd(), and a few that are closed again
// (the certificate, libwebsockets' plugin).
constexpr std::size_t kDescriptorsPerServer = 8;
// For a history in a file: the file, its log and shared memory, for two connections, and the lock.
constexpr std::size_t kDescriptorsForHistory = 8;
constexpr std::size_t kDescriptorsForCluster = 8;
constexpr std::size_t kDescriptorsForGuest = 9;
// Two files, and what OpenSSL may open.
constexpr std::size_t kDescriptorsToReloadTls = 4;
// So much of a refused client's request is read. A socket that is closed with unread input is reset, and the client might not see
// the answer.
constexpr std::size_t kRefusedInputBytes = 16'384;

// How often expired history is removed.
constexpr std::int64_t kExpireIntervalMs = 5'000;
// When there is more to remove, so that the loop can do other things in between.
constexpr std::int64_t kExpireSliceIntervalMs = 2;
constexpr std::int64_t kPresenceSliceIntervalMs = 2;

// The answer above max_connections, without TLS.
constexpr std::string_view kFull = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

// A server of a cluster may have the number that another one had before, and messages of its clients are kept. So client numbers
// begin with the time: the later server has the higher ones, unless the earlier one had 4,096 clients each second.
std::uint64_t first_client_number(Moment now) {
  constexpr std::int64_t kSince = 1'735'689'600;  // 2025-01-01, Unix seconds
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_ms / 1'000 - kSince)) << 12;
}

}  // namespace

// Sends presence notices when they are due. Lives on the first loop, and runs only while something is due.
class PresenceTimer : public TimerEntry {
 public:
  PresenceTimer(Loop& loop, Hub& hub) : loop_(loop), hub_(hub) {}

  void run() {
    const Moment now = current_moment();
    hub_.tell_presence(now);
    const std::int64_t due_ms = hub_.presence_due_ms();
    if (due_ms == PresenceQueue::kNever) return;
    const std::int64_t wait_ms = due_ms <= now.age_ms ? kPresenceSliceIntervalMs : due_ms - now.age_ms;
    loop_.set_timer(*this, loop_.now_ms() + wait_ms);
  }

 private:
  void on_deadline(std::int64_t) override { run(); }

  Loop& loop_;
  Hub& hub_;
};

// Removes what has expired from the hub and from the recovery store. Lives on the first loop.
class Expiry : public TimerEntry {
 public:
  Expiry(Loop& loop, Hub& hub, session::RecoveryStore& recovery, PresenceTimer& presence)
      : loop_(loop), hub_(hub), recovery_(recovery), presence_(presence) {
    set(kExpireIntervalMs);
  }

 private:
  void set(std::int64_t wait_ms) { loop_.set_timer(*this, loop_.now_ms() + wait_ms); }
  void on_deadline(std::int64_t) override {
    set(kExpireIntervalMs);  // first, because the rest may throw std::bad_alloc
    if (hub_.expire(current_moment())) set(kExpireSliceIntervalMs);
    recovery_.expire(loop_.now_ms());
    presence_.run();  // in case that a task for it could not be posted
  }

  Loop& loop_;
  Hub& hub_;
  session::RecoveryStore& recovery_;
  PresenceTimer& presence_;
};

// Without memory for the task, Expiry does its work.
void Server::wake_presence() try {
  loops_.front()->post_task([this] {
    if (presence_timer_) presence_timer_->run();
  });
} catch (const std::bad_alloc&) {
}

Server::Server(ServerOptions options, Application& application)
    : options_(std::move(options)),
      application_(application),
      refusals_(application),
      http_rules_{options_, {}, AllowedHosts(options_.allowed_hosts)},
      sessions_(session_limits(options_)),
      far_requests_(options_),
      engine_io_(options_),
      rest_(options_),
      started_at_ms_(wall_clock_ms()) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Application& application,
                                              std::unique_ptr<store::StoreBackend> history) {
  options.hub.epoch_seed = random_seed();
  std::unique_ptr<Server> server(new Server(std::move(options), application));
  const Status status = server->start_parts(std::move(history));
  if (!status.ok()) {
    if (server->listener_) server->listener_->release_handed_in();
    return status;
  }
  return server;
}

void Server::refuse(const OwnedSocket& socket, const std::string& remote_address, Refusal reason) {
  refusals_.note(reason, remote_address);
  if (has_tls()) return;
  (void)!send(socket.fd(), kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket.fd(), SHUT_WR);
  std::array<char, kRefusedInputBytes> ignored;
  (void)!recv(socket.fd(), ignored.data(), ignored.size(), MSG_DONTWAIT);
}

// libuv and libwebsockets abort, hang or leak when they run out of descriptors while they start. So this opens and closes enough
// descriptors before. It cannot notice another thread that takes them in between. Returns the size of libwebsockets' table, which
// only TLS needs.
Result<int> Server::check_descriptors() const {
  const std::size_t loops = static_cast<std::size_t>(std::max(1, options_.threads));
  const std::size_t per_loop = kDescriptorsPerLoop + (has_tls() ? kTlsDescriptorsPerLoop : 0);
  const std::size_t for_history = options_.history_path.empty() ? 0 : kDescriptorsForHistory;
  const std::size_t for_cluster = options_.cluster.empty() ? 0 : kDescriptorsForCluster;
  const std::size_t for_guest = options_.socket_io_cluster.empty() ? 0 : kDescriptorsForGuest;
  const HeldDescriptors held(kDescriptorsPerServer + for_history + for_cluster + for_guest + loops * per_loop);
  if (Status status = held.status(); !status.ok()) return status;
  if (!has_tls()) return 0;
  const int places = descriptor_table_size(open_file_limit(), options_.max_connections, held.lowest());
  if (held.highest() >= places) {
    return {Error::system,
            "the process has too many open files: libwebsockets' table ends at descriptor " + std::to_string(places)};
  }
  const std::int64_t file_limit = open_file_limit();
  if (file_limit == kUnlimited || file_limit > places) {
    application_.log(LogLevel::info, "with TLS only sockets with a descriptor below " + std::to_string(places) +
                                         " are served, although the limit on open files is higher");
  }
  return places;
}

Status Server::start_parts(std::unique_ptr<store::StoreBackend> history_backend) {
  ForkGuard::install();
  const Result<int> table_places = check_descriptors();
  if (!table_places.ok()) return table_places.status();
  Result<StaticFiles> files = StaticFiles::open(options_.static_mounts);
  if (!files.ok()) return files.status();
  static_files_ = std::move(*files);
  Result<SocketIoClientFiles> client_files = SocketIoClientFiles::open(options_);
  if (!client_files.ok()) return client_files.status();
  socket_io_client_files_ = std::move(*client_files);
  Result<CompiledIn> compiled_in = CompiledIn::open(options_);
  if (!compiled_in.ok()) return compiled_in.status();
  compiled_in_ = std::move(*compiled_in);
  for (const std::string& entry : options_.trusted_proxies) {
    if (!http_rules_.trusted_proxies.add(entry)) {
      return {Error::invalid_argument, "trusted_proxies: " + entry + " is not an address, a block or \"unix\""};
    }
  }
  if (has_tls()) {
    Status status = check_certificate(options_.tls_certificate_file, options_.tls_private_key_file);
    if (!status.ok()) return status;
  }
  Result<std::unique_ptr<Listener>> listener = Listener::open(*this, application_, options_);
  if (!listener.ok()) return listener.status();
  listener_ = std::move(*listener);

  std::vector<LoopInbox*> inboxes;
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    loops_.push_back(std::make_unique<Loop>(*this, loops_.size()));
    inboxes.push_back(loops_.back().get());
  }
  Result<std::unique_ptr<store::StoredHistory>> history =
      open_history_store(options_, application_, std::move(history_backend));
  if (!history.ok()) return history.status();
  history_ = std::move(*history);
  Status status = open_cluster();
  if (!status.ok()) return status;
  Result<std::unique_ptr<ClusterGuest>> guest = ClusterGuest::make(options_, application_);
  if (!guest.ok()) return guest.status();
  guest_ = std::move(*guest);
  HubOptions hub_options = options_.hub;
  hub_options.store = history_.get();
  if (cluster_) {
    hub_options.store = &cluster_->store();
    hub_options.node = cluster_->node();
    hub_options.last_client_number = first_client_number(current_moment());
  }
  if (history_) hub_options.last_client_number = history_->last_client_number();
  hub_options.wake_presence = [this] { wake_presence(); };
  if (guest_) hub_options.tap = &guest_->tap();
  hub_ = std::make_unique<Hub>(std::move(hub_options), std::move(inboxes), &refusals_);
  status = hub_->load(current_moment());
  if (!status.ok()) return status;
  dispatcher_ = std::make_unique<Dispatcher>(*hub_, application_);
  for (const auto& loop : loops_) {
    status = loop->start(*table_places);
    if (!status.ok()) return status;
  }
  presence_timer_ = std::make_unique<PresenceTimer>(*loops_.front(), *hub_);
  expiry_ = std::make_unique<Expiry>(*loops_.front(), *hub_, engine_io_.recovery, *presence_timer_);
  status = listener_->start(loops_.front()->sockets(), loops_.front()->uv());
  if (!status.ok()) return status;
  log_hidden_paths();
  status = start_history();
  if (!status.ok()) return status;
  if (cluster_) cluster_->start(*hub_);
  status = start_guest();
  if (!status.ok()) return status;
  hub_->load_presence(current_moment());
  if (options_.threads != 0) return start_threads();
  loops_.front()->set_readable();  // the first poll registers the sockets
  host_driven_ = true;
  return {};
}

// Logs what an application may not expect: its own files at paths that the library would serve, and a Socket.IO endpoint without the
// client script that pages load.
void Server::log_hidden_paths() {
  std::vector<std::string> paths = compiled_in_.paths();
  if (!options_.metrics_path.empty()) paths.push_back(options_.metrics_path);
  for (const std::string& path : socket_io_client_files_.script_paths()) {
    if (socket_io_client_files_.available()) {
      paths.push_back(path);
    } else if (!static_files_.has(path)) {
      application_.log(LogLevel::warning, path + " answers 404: this build has no Socket.IO client, and neither " +
                                              "socket_io_client_directory nor static_mounts provides one");
    }
  }
  for (const std::string& path : paths) {
    if (static_files_.has(path)) application_.log(LogLevel::info, path + " is served from static_mounts");
  }
}

Status Server::open_cluster() {
  const SignalsBlocked blocked;
  Result<std::unique_ptr<Cluster>> cluster =
      Cluster::open(options_, application_, [mask = blocked.before()](const char* name) {
        name_thread(name);
        prepare_thread(mask);
      });
  if (!cluster.ok()) return cluster.status();
  cluster_ = std::move(*cluster);
  if (!cluster_) return {};
  engine_io_.far = &cluster_->far();
  engine_io_.rooms = &cluster_->store();
  for (const auto& loop : loops_) loop->open_far(cluster_->far());
  cluster_->listen(*this);
  return {};
}

Status Server::start_guest() {
  if (!guest_) return {};
  const SignalsBlocked blocked;
  return guest_->start(*hub_, [mask = blocked.before()](const char* name) {
    name_thread(name);
    prepare_thread(mask);
  });
}

// A text that cannot be handled for lack of memory is lost; its sender goes on without it.
void Server::on_far_text(std::string_view text) try {
  if (text.empty()) return;
  const char kind = text.front();
  text.remove_prefix(1);
  if (kind == EngineIoShared::kContinueText) {
    engine_io_.on_continue_text(text, *hub_);
    return;
  }
  const auto far_kind = static_cast<FarKind>(kind);
  const std::optional<std::size_t> index = far_loop(far_kind, text, loops_.size());
  if (!index) return;
  Loop& loop = *loops_[*index];
  // Shared, because a task is copied.
  loop.post_task([&loop, far_kind, kept = std::make_shared<const std::string>(text)] {
    loop.sessions().far_gate().on_text(far_kind, *kept);
  });
} catch (const std::bad_alloc&) {
}

Status Server::start_history() {
  if (!history_) return {};
  const SignalsBlocked blocked;
  try {
    history_->start(
        [this](const Submission& submission, const Result<Position>& place) { hub_->commit(submission, place); },
        [mask = blocked.before()](const char* name) {
          name_thread(name);
          prepare_thread(mask);
        });
  } catch (const std::system_error& error) {
    return {Error::system, std::string("thread: ") + error.what()};
  }
  return {};
}

Status Server::start_threads() {
  const SignalsBlocked blocked;
  // No loop runs before all threads have started, so a failed start has called no callback.
  std::promise<bool> all_there;
  const std::shared_future<bool> go = all_there.get_future().share();
  try {
    for (const auto& loop : loops_) {
      threads_.emplace_back([this, &loop = *loop, go, mask = blocked.before()] {
        name_thread("chat-loop");
        prepare_thread(mask);
        if (!go.get()) return;
        loop.run_as_thread();
        const std::lock_guard lock(ended_mutex_);
        if (--running_loops_ == 0) all_ended_.notify_all();
      });
    }
  } catch (const std::system_error& error) {
    all_there.set_value(false);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return {Error::system, std::string("thread: ") + error.what()};
  }
  running_loops_ = loops_.size();
  all_there.set_value(true);
  return {};
}

Server::~Server() {
  // After a failed start there is nothing to stop, and loops that were never opened cannot be woken.
  if (!threads_.empty() || host_driven_) stop();
  for (std::thread& thread : threads_) thread.join();
  if (host_driven_) {
    std::optional<SigpipeBlocked> blocked;
    if (has_tls()) blocked.emplace();
    loops_.front()->run();  // the host does not poll any more
  }
  // After a failed start nothing has run, so this thread destroys what there is.
  if (listener_) listener_->stop();
  expiry_.reset();
  presence_timer_.reset();
  if (guest_) guest_->stop();
  if ((history_ || cluster_) && hub_) hub_->keep_seen();
  if (history_) history_->stop();
  if (cluster_) cluster_->stop();
  for (const auto& loop : loops_) loop->shut_down();
}

Server* Server::current() {
  Loop* loop = Loop::current();
  return loop ? &loop->server() : nullptr;
}

bool Server::on_own_thread() const {
  const Loop* current = Loop::current();
  return current && std::any_of(loops_.begin(), loops_.end(), [&](const auto& loop) { return loop.get() == current; });
}

int Server::port() const { return listener_->port(); }

void Server::stop() {
  if (stop_posted_.load()) return;
  if (!stopping_.exchange(true)) hub_->keep_presence(current_moment());
  // When memory fails in here, the next call posts the tasks again. A loop ignores the second one.
  for (const auto& loop : loops_) {
    loop->post_task([this, loop = loop.get()] {
      if (loop == loops_.front().get()) listener_->stop();
      loop->begin_drain();
    });
  }
  stop_posted_ = true;
}

void Server::on_accepted(int socket_fd, std::string remote_address) {
  OwnedSocket accepted(socket_fd, connections_);
  if (exceeds(connections_.load(), options_.max_connections)) {
    refuse(accepted, remote_address, Refusal::connections);
    return;
  }
  // Sockets of a trusted proxy are charged to the proxy's clients: see Connection::charge_to().
  std::optional<Refusal> refusal;
  if (!http_rules_.trusted_proxies.contains(remote_address)) {
    accepted.set_share(Share::take(hub_->sources().find(remote_address), Resource::connections, refusal));
  }
  Loop& loop = *loops_[next_loop_++ % loops_.size()];
  // The host may have raised the limit of open files since the start.
  if (!refusal && has_tls() && !loop.tls()->has_place(socket_fd)) refusal = Refusal::descriptors;
  if (refusal) {
    refuse(accepted, remote_address, *refusal);
    return;
  }
  auto socket = std::make_shared<OwnedSocket>(std::move(accepted));
  loop.post_task([&loop, socket = std::move(socket), remote_address = std::move(remote_address)] {
    loop.adopt(*socket, remote_address);
  });
}

Status Server::wait(int timeout_ms) {
  if (host_driven_) return {Error::wrong_state, "a server without threads is driven by chat_server_poll()"};
  if (on_own_thread()) return {Error::wrong_thread, "chat_server_wait() was called in a callback of the same server"};
  const auto ended = [this] { return running_loops_ == 0; };
  std::unique_lock lock(ended_mutex_);
  if (timeout_ms < 0) {
    all_ended_.wait(lock, ended);
  } else if (!all_ended_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ended)) {
    return {Error::timed_out, {}};
  }
  return {};
}

Status Server::reload_tls() {
  const std::string& certificate = options_.tls_certificate_file;
  const std::string& key = options_.tls_private_key_file;
  if (!has_tls()) return {Error::wrong_state, "the server runs without TLS"};
  Status status;
  status = HeldDescriptors(kDescriptorsToReloadTls).status();
  if (!status.ok()) return status;
  // Checked first, so that an invalid pair does not replace the current one.
  status = check_certificate(certificate, key);
  if (!status.ok()) return status;
  for (const auto& loop : loops_) {
    loop->post_task([this, loop = loop.get()] {
      const Status loaded = loop->tls()->reload_tls(options_.tls_certificate_file, options_.tls_private_key_file);
      if (!loaded.ok()) application_.log(LogLevel::error, "reloading TLS failed: " + loaded.detail);
    });
  }
  return {};
}

Status Server::check_loops(int timeout_ms) {
  if (poll_ended_.load()) return {Error::stopped, "the server has stopped"};
  if (on_own_thread()) {
    return {Error::wrong_thread, "chat_server_check_loops() was called in a callback of the same server"};
  }
  struct Turns {
    std::atomic<std::size_t> missing;
    std::promise<void> all_taken;
  };
  // Shared, because a loop may run the task after this function has timed out.
  const auto turns = std::make_shared<Turns>();
  turns->missing = loops_.size();
  for (const auto& loop : loops_) {
    const bool runs = loop->post_task([turns] {
      if (--turns->missing == 0) turns->all_taken.set_value();
    });
    if (!runs) return {Error::stopped, "the server has stopped"};
  }
  const auto waited = turns->all_taken.get_future().wait_for(std::chrono::milliseconds(timeout_ms));
  if (waited == std::future_status::ready) return {};
  return {Error::timed_out, std::to_string(turns->missing) + " of " + std::to_string(loops_.size()) +
                                " loops had no turn within " + std::to_string(timeout_ms) + " ms"};
}

Status Server::poll(int timeout_ms) {
  if (!host_driven_) return {Error::wrong_state, "the server has its own threads"};
  if (on_own_thread()) return {Error::wrong_thread, "chat_server_poll() was called in a callback of the same server"};
  Loop& loop = *loops_.front();
  if (loop.finished()) return {Error::stopped, "the server has stopped"};
  std::optional<SigpipeBlocked> blocked;
  if (has_tls()) blocked.emplace();
  if (timeout_ms != 0) loop.wait_readable(timeout_ms);
  loop.run_ready();
  if (!loop.finished()) return {};
  poll_ended_ = true;
  return {Error::stopped, "the server has stopped"};
}

int Server::fd() const { return host_driven_ ? loops_.front()->fd() : -1; }

ServerStats Server::stats() const {
  ServerStats sum;
  for (const auto& loop : loops_) {
    const LoopStats& stats = loop->stats();
    sum.connections_now += stats.connections_now.get();
    sum.connections_total += stats.connections_total.get();
    sum.messages_refused += stats.messages_refused.get();
    sum.drops += stats.drops.get();
    sum.slow_disconnects += stats.slow_disconnects.get();
    sum.bytes_in += stats.bytes_in.get();
    sum.bytes_out += stats.bytes_out.get();
    sum.http_requests += stats.http_requests.get();
    for (std::size_t i = 0; i < kProtocolCount; ++i) {
      sum.clients_now_by_protocol[i] += stats.clients_now_by_protocol[i].get();
      sum.messages_in_by_protocol[i] += stats.messages_in_by_protocol[i].get();
      sum.deliveries_by_protocol[i] += stats.deliveries_by_protocol[i].get();
      sum.messages_in += stats.messages_in_by_protocol[i].get();
      sum.deliveries += stats.deliveries_by_protocol[i].get();
    }
    for (std::size_t i = 0; i < kTransportCount; ++i) {
      sum.clients_now_by_transport[i] += stats.clients_now_by_transport[i].get();
      sum.messages_in_by_transport[i] += stats.messages_in_by_transport[i].get();
      sum.deliveries_by_transport[i] += stats.deliveries_by_transport[i].get();
    }
  }
  sum.refusals = refusals_.counts();
  return sum;
}

HistoryStats Server::history_stats() const {
  if (!history_) return {};
  const store::StoredHistoryStats stats = history_->stats();
  return {stats.stored, stats.failed, stats.forgotten, stats.file_bytes_now};
}

MetricsSnapshot Server::metrics() const {
  MetricsSnapshot snapshot;
  snapshot.history = history_stats();
  snapshot.cluster = cluster_stats();
  snapshot.clustered = cluster_ != nullptr;
  snapshot.far = far_stats();
  snapshot.guest = guest_stats();
  snapshot.is_guest = guest_ != nullptr;
  snapshot.net = stats();
  snapshot.hub = hub_->stats();
  for (const auto& loop : loops_) snapshot.connections_now_by_loop.push_back(loop->stats().connections_now.get());
  snapshot.started_at_ms = started_at_ms_;
  snapshot.draining = stopping();
  return snapshot;
}

}  // namespace chat::net
