// See server.h.
#include "net/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <random>
#include <system_error>

#include "net/clock.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/platform.h"

namespace chat::net {
namespace {

// How often old history is looked for.
constexpr std::int64_t kExpireIntervalMs = 5'000;

// For a socket above max_connections, when there is no TLS to speak it through.
constexpr std::string_view kFull = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

// A socket on its way to its loop, which may end before it arrives.
struct OwnedSocket {
  OwnedSocket(int socket_fd, Share taken) : fd(socket_fd), share(std::move(taken)) {}
  ~OwnedSocket() {
    if (fd >= 0) close(fd);
  }
  OwnedSocket(const OwnedSocket&) = delete;
  OwnedSocket& operator=(const OwnedSocket&) = delete;
  int fd;
  Share share;  // of the connections that its address may have
};

// Lives on the first loop.
class Expiry : public TimerEntry {
 public:
  Expiry(Loop& loop, Hub& hub, session::RecoveryStore& recovery) : loop_(loop), hub_(hub), recovery_(recovery) {
    set();
  }

 private:
  void set() { loop_.set_timer(*this, loop_.now_ms() + kExpireIntervalMs); }
  void on_deadline(std::int64_t) override {
    hub_.expire(current_moment());
    recovery_.expire(loop_.now_ms());
    set();
  }

  Loop& loop_;
  Hub& hub_;
  session::RecoveryStore& recovery_;
};

Server::Server(ServerOptions options, Application& application)
    : options_(std::move(options)),
      application_(application),
      refusals_(application),
      engine_io_(options_),
      started_at_ms_(wall_clock_ms()) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Application& application) {
  options.hub.epoch_seed = random_seed();
  std::unique_ptr<Server> server(new Server(std::move(options), application));
  const Status status = server->start_parts();
  if (!status.ok()) {
    if (server->listener_) server->listener_->release_handed_in();
    return status;
  }
  return server;
}

Status Server::start_parts() {
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
    if (!trusted_proxies_.add(entry)) {
      return {Error::invalid_argument, "trusted_proxies: " + entry + " is not an address, a block or \"unix\""};
    }
  }
  if (!options_.tls_certificate_file.empty()) {
    Status status = check_certificate(options_.tls_certificate_file, options_.tls_private_key_file);
    if (!status.ok()) return status;
  }
  Result<std::unique_ptr<Listener>> listener = Listener::open(*this, options_);
  if (!listener.ok()) return listener.status();
  listener_ = std::move(*listener);

  std::vector<LoopInbox*> inboxes;
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    loops_.push_back(std::make_unique<Loop>(*this, loops_.size()));
    inboxes.push_back(loops_.back().get());
  }
  hub_ = std::make_unique<Hub>(options_.hub, std::move(inboxes), &refusals_);
  dispatcher_ = std::make_unique<Dispatcher>(*hub_, application_);
  for (const auto& loop : loops_) {
    Status status = loop->start();
    if (!status.ok()) return status;
  }
  expiry_ = std::make_unique<Expiry>(*loops_.front(), *hub_, engine_io_.recovery);
  Status status = listener_->start(loops_.front()->uv());
  if (!status.ok()) return status;
  log_hidden_paths();
  if (options_.threads == 0) return start_host_driven();
  return start_threads();
}

// What an application may not expect: files of its own at paths that the library would answer by itself, and a Socket.IO
// endpoint without the script that its pages load.
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

Status Server::start_host_driven() {
  wake_ = std::make_unique<WakeDescriptor>();
  if (!wake_->open(uv_backend_fd(loops_.front()->uv())))
    return {Error::system, "no file descriptor left for chat_server_fd"};
  wake_->set_timeout(0);  // the first poll registers the sockets
  return {};
}

Status Server::start_threads() {
  const SignalsBlocked blocked;
  // No loop runs before all threads are there: a start that fails has called no callback.
  std::promise<bool> all_there;
  const std::shared_future<bool> go = all_there.get_future().share();
  try {
    for (const auto& loop : loops_) {
      threads_.emplace_back([&loop = *loop, go] {
        name_thread("chat-loop");
        if (go.get()) loop.run();
      });
    }
  } catch (const std::system_error& error) {
    all_there.set_value(false);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return {Error::system, std::string("thread: ") + error.what()};
  }
  all_there.set_value(true);
  return {};
}

Server::~Server() {
  // After a start that failed there is nothing to stop, and loops that were never opened cannot be woken.
  if (!threads_.empty() || wake_) stop();
  for (std::thread& thread : threads_) thread.join();
  if (threads_.empty() && !loops_.empty() && wake_) {
    const SigpipeBlocked blocked;
    loops_.front()->run();  // the host polls no more: the drain is ended here
  }
  // After a start that failed nothing has run: what was begun is taken down on this thread.
  if (listener_) listener_->stop();
  expiry_.reset();
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
  if (stopping_.exchange(true)) return;
  for (const auto& loop : loops_) {
    loop->post_task([this, loop = loop.get()] {
      if (loop == loops_.front().get()) listener_->stop();
      loop->begin_drain();
    });
  }
}

void Server::deal(int socket_fd, std::string peer_address) {
  // A trusted proxy's sockets are its clients': see Connection::charge_to().
  std::optional<Refusal> refusal;
  Share share;
  if (!trusted_proxies_.contains(peer_address)) {
    share = Share::take(hub_->sources().find(peer_address), Resource::connections, refusal);
  }
  if (exceeds(connections_.fetch_add(1) + 1, options_.max_connections)) refusal = Refusal::connections;
  if (refusal) {
    connections_.fetch_sub(1);
    refusals_.note(*refusal, peer_address);
    if (options_.tls_certificate_file.empty()) (void)!send(socket_fd, kFull.data(), kFull.size(), MSG_NOSIGNAL);
    close(socket_fd);
    return;
  }
  Loop& loop = *loops_[next_loop_++ % loops_.size()];
  auto socket = std::make_shared<OwnedSocket>(socket_fd, std::move(share));
  loop.post_task([&loop, socket = std::move(socket), peer = std::move(peer_address)] {
    loop.adopt(std::exchange(socket->fd, -1), peer, std::move(socket->share));
  });
}

Status Server::reload_tls() {
  const std::string& certificate = options_.tls_certificate_file;
  const std::string& key = options_.tls_private_key_file;
  if (certificate.empty()) return {Error::wrong_state, "the server runs without TLS"};
  // Tried first, so that a pair that does not work replaces nothing.
  Status status = check_certificate(certificate, key);
  if (!status.ok()) return status;
  for (const auto& loop : loops_) {
    loop->post_task([this, loop = loop.get()] {
      const Status loaded = loop->context().reload_tls(options_.tls_certificate_file, options_.tls_private_key_file);
      if (!loaded.ok()) application_.log(LogLevel::error, "reloading TLS failed: " + loaded.detail);
    });
  }
  return {};
}

Status Server::poll(int timeout_ms) {
  if (!wake_) return {Error::wrong_state, "the server has its own threads"};
  if (on_own_thread()) return {Error::wrong_thread, "chat_server_poll() was called in a callback of the same server"};
  Loop& loop = *loops_.front();
  if (loop.finished()) return {Error::stopped, "the server has stopped"};
  const SigpipeBlocked blocked;
  if (timeout_ms != 0) wake_->wait(timeout_ms);
  const bool more = loop.run_ready();
  wake_->set_timeout(more ? 0 : uv_backend_timeout(loop.uv()));
  if (loop.finished()) return {Error::stopped, "the server has stopped"};
  return {};
}

int Server::fd() const { return wake_ ? wake_->fd() : -1; }

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

MetricsSnapshot Server::metrics() const {
  MetricsSnapshot snapshot;
  snapshot.net = stats();
  snapshot.hub = hub_->stats();
  for (const auto& loop : loops_) snapshot.connections_now_by_loop.push_back(loop->stats().connections_now.get());
  snapshot.started_at_ms = started_at_ms_;
  snapshot.draining = stopping();
  return snapshot;
}

}  // namespace chat::net
