// See redis_socket.h.
#include "redis/redis_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "model/give_back.h"

namespace chat::redis {
namespace {

constexpr std::size_t kInputBytes = 65'536;
// Per round, so that others on the loop have their turn.
constexpr int kReadsPerRound = 16;
// An empty buffer above it gives its memory back.
constexpr std::size_t kKeptBufferBytes = 65'536;
constexpr std::size_t kMaxCandidates = 32;

std::string text_of(int error) { return uv_strerror(uv_translate_sys_error(error)); }

}  // namespace

// A look-up in libuv's thread pool, which cannot always be cancelled: it is freed when it has ended.
struct RedisSocket::Lookup {
  uv_getaddrinfo_t request{};
  RedisSocket* owner = nullptr;
};

void RedisSocket::StopLookup::operator()(Lookup* lookup) const noexcept {
  lookup->owner = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request));
}

template <class Action>
void RedisSocket::guarded(Action action) noexcept {
  const std::shared_ptr<void> kept = user_.keep();
  try {
    action();
  } catch (const std::bad_alloc&) {
    end({Error::no_memory, {}});
  } catch (...) {
    end({Error::internal, {}});
  }
}

void RedisSocket::end(Status&& why) noexcept {
  if (closed_) return;
  close();
  user_.on_broken(std::move(why));
}

void RedisSocket::close() noexcept {
  closed_ = true;
  connected_ = false;
  lookup_.reset();
  timer_.reset();
  close_descriptor();
}

void RedisSocket::close_descriptor() noexcept {
  poll_.reset();  // before the descriptor: libuv must not watch a closed one
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  events_ = 0;
}

Status RedisSocket::open(const RedisAddress& address, int limit_ms) {
  input_ = std::make_unique<char[]>(kInputBytes);
  timer_ = make_timer(loop_, this);
  uv_update_time(loop_);
  deadline_ = uv_now(loop_) + static_cast<std::uint64_t>(limit_ms);
  host_ = address.host;
  if (!address.path.empty()) {
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    if (address.path.size() >= sizeof path.sun_path) return {Error::invalid_argument, "the path is too long"};
    std::memcpy(path.sun_path, address.path.data(), address.path.size());
    add_candidate(reinterpret_cast<const sockaddr*>(&path), sizeof path);
  } else if (sockaddr_in6 ipv6{}; uv_ip6_addr(host_.c_str(), address.port, &ipv6) == 0) {
    add_candidate(reinterpret_cast<const sockaddr*>(&ipv6), sizeof ipv6);
  } else if (sockaddr_in ipv4{}; uv_ip4_addr(host_.c_str(), address.port, &ipv4) == 0) {
    add_candidate(reinterpret_cast<const sockaddr*>(&ipv4), sizeof ipv4);
  } else {
    return look_up(address);
  }
  // From the loop, so that the user is not called inside of open().
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        auto* const self = static_cast<RedisSocket*>(timer->data);
        self->guarded([self] { self->connect_next(); });
      },
      0, 0);
  return {};
}

Status RedisSocket::look_up(const RedisAddress& address) {
  auto lookup = std::make_unique<Lookup>();
  lookup->owner = this;
  lookup->request.data = lookup.get();
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int result = uv_getaddrinfo(
      loop_, &lookup->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const std::unique_ptr<Lookup> done(static_cast<Lookup*>(request->data));
        const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> list(found, uv_freeaddrinfo);
        RedisSocket* const self = done->owner;
        if (!self) return;
        (void)self->lookup_.release();  // it is `done`
        self->guarded([&] {
          if (status != 0) return self->end({Error::unavailable, std::string("its address: ") + uv_strerror(status)});
          for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
            self->add_candidate(entry->ai_addr, entry->ai_addrlen);
          }
          self->connect_next();
        });
      },
      address.host.c_str(), std::to_string(address.port).c_str(), &hints);
  if (result != 0) return {Error::unavailable, std::string("its address: ") + uv_strerror(result)};
  lookup_.reset(lookup.release());
  return {};
}

void RedisSocket::add_candidate(const sockaddr* address, socklen_t size) {
  if (size > sizeof(sockaddr_storage) || candidates_.size() == kMaxCandidates) return;
  Candidate candidate{{}, size};
  std::memcpy(&candidate.address, address, size);
  candidates_.push_back(candidate);
}

void RedisSocket::connect_next() {
  close_descriptor();
  tls_.reset();
  while (next_candidate_ < candidates_.size()) {
    const std::size_t left = candidates_.size() - next_candidate_;
    const Candidate& candidate = candidates_[next_candidate_++];
    if (!begin_connect(candidate.address, candidate.size)) continue;
    uv_timer_stop(timer_.get());
    if (left > 1) {
      const std::uint64_t now = uv_now(loop_);
      uv_timer_start(
          timer_.get(),
          [](uv_timer_t* timer) {
            auto* const self = static_cast<RedisSocket*>(timer->data);
            self->guarded([self] {
              self->last_fault_ = {Error::timed_out, "no connection in time"};
              self->connect_next();
            });
          },
          deadline_ > now ? (deadline_ - now) / left : 0, 0);
    }
    return;
  }
  if (last_fault_.ok()) last_fault_ = {Error::unavailable, "it has no address"};
  end(std::move(last_fault_));
}

bool RedisSocket::begin_connect(const sockaddr_storage& address, socklen_t size) {
  const auto fail = [this](int error) {
    last_fault_ = {Error::unavailable, text_of(error)};
    close_descriptor();
    return false;
  };
  fd_ = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail(errno);
  if (address.ss_family != AF_UNIX) {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 && errno != EINPROGRESS && errno != EINTR) {
    return fail(errno);
  }
  auto poll = std::make_unique<uv_poll_t>();
  if (const int result = uv_poll_init(loop_, poll.get(), fd_); result != 0) return fail(-result);
  poll->data = this;
  poll_.reset(poll.release());
  connecting_ = true;
  watch(UV_WRITABLE);
  return true;
}

void RedisSocket::watch(int events) {
  if (events == events_ || !poll_) return;
  events_ = events;
  uv_poll_start(poll_.get(), events, [](uv_poll_t* poll, int status, int ready) {
    auto* const self = static_cast<RedisSocket*>(poll->data);
    self->guarded([=] { self->on_poll(status, ready); });
  });
}

void RedisSocket::on_poll(int status, int events) {
  if (connecting_) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0 && status < 0) error = -status;
    if (error != 0) {
      last_fault_ = {Error::unavailable, text_of(error)};
      return connect_next();
    }
    connecting_ = false;
    watch(UV_READABLE);
    if (!tls_context_) return on_established();
    Result<std::unique_ptr<TlsStream>> stream = TlsStream::open(*tls_context_, host_);
    if (!stream.ok()) return end(Status(stream.status()));
    tls_ = std::move(*stream);
    Status begun = tls_->handshake();
    if (begun.ok()) begun = send_output();
    if (!begun.ok()) end(std::move(begun));
    return;
  }
  if ((events & UV_WRITABLE) != 0 && unsent_bytes() != 0) {
    if (Status sent = send_unsent(); !sent.ok()) return end(std::move(sent));
    if (unsent_.empty() && connected_) user_.on_writable();
    if (closed_) return;
  }
  if (status < 0 || (events & UV_READABLE) != 0) receive();
  // libuv has stopped watching then.
  if (status < 0 && !closed_) end({Error::unavailable, "the connection has failed"});
}

void RedisSocket::on_established() {
  connected_ = true;
  timer_.reset();
  give_back(candidates_);
  user_.on_connected();
}

void RedisSocket::receive() {
  for (int reads = 0; reads < kReadsPerRound && !closed_; ++reads) {
    const ssize_t count = recv(fd_, input_.get(), kInputBytes, MSG_DONTWAIT);
    if (count == 0) return end({Error::unavailable, "Redis closed the connection"});
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
      return end({Error::unavailable, text_of(errno)});
    }
    const std::string_view bytes(input_.get(), static_cast<std::size_t>(count));
    if (!tls_) {
      user_.on_bytes(bytes);
    } else {
      Status received = tls_->receive(bytes);
      if (!received.ok()) {
        (void)send_output();  // the alert says why
        return end(std::move(received));
      }
      receive_plain();
    }
    if (bytes.size() < kInputBytes) return;
  }
}

void RedisSocket::receive_plain() {
  if (!connected_ && tls_->established()) {
    if (Status sent = send_output(); !sent.ok()) return end(std::move(sent));
    on_established();
  }
  while (!closed_ && tls_->established()) {
    const Result<std::string_view> plain = tls_->read();
    if (!plain.ok()) return end(Status(plain.status()));
    if (plain->empty()) break;
    user_.on_bytes(*plain);
  }
  if (closed_) return;
  if (Status sent = send_output(); !sent.ok()) end(std::move(sent));
}

Status RedisSocket::write(std::string& bytes) noexcept {
  if (!tls_) {
    unsent_.swap(bytes);  // unsent_ is empty
    return send_unsent();
  }
  try {
    Status written = tls_->write(bytes);
    bytes.clear();
    if (bytes.capacity() > kKeptBufferBytes) give_back(bytes);
    return written.ok() ? send_output() : written;
  } catch (...) {
    return {Error::no_memory, {}};
  }
}

// Of TLS.
Status RedisSocket::send_output() {
  if (!tls_->take_output(unsent_)) return {Error::no_memory, {}};
  return send_unsent();
}

Status RedisSocket::send_unsent() {
  while (unsent_bytes() != 0) {
    const ssize_t count = send(fd_, unsent_.data() + unsent_from_, unsent_bytes(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        watch(UV_READABLE | UV_WRITABLE);
        return {};
      }
      return {Error::unavailable, text_of(errno)};
    }
    unsent_from_ += static_cast<std::size_t>(count);
  }
  unsent_.clear();
  unsent_from_ = 0;
  if (unsent_.capacity() > kKeptBufferBytes) give_back(unsent_);
  watch(UV_READABLE);
  return {};
}

}  // namespace chat::redis
