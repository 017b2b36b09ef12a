// The socket to a Redis: resolves the name, tries each of its addresses, performs the handshake of TLS, and then passes bytes
// both ways. Knows nothing of the protocol of Redis.
//
// The descriptor is our own and watched with uv_poll, because the writes of uv_tcp raise SIGPIPE, which would end the host.
// Everything happens on the thread of the loop. It may be destroyed inside of its callbacks.
#pragma once

#include <sys/socket.h>
#include <uv.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"
#include "redis/redis_tls.h"
#include "redis/redis_url.h"
#include "redis/uv_handle.h"

namespace chat::redis {

// Called from the loop, never inside of open() or write(). What one of them throws ends the socket with on_broken().
class SocketUser {
 public:
  SocketUser() = default;
  SocketUser(const SocketUser&) = delete;
  SocketUser& operator=(const SocketUser&) = delete;
  virtual ~SocketUser() = default;

  // The owner of the socket, which lives until the callback that runs has returned.
  virtual std::shared_ptr<void> keep() noexcept = 0;
  virtual void on_connected() = 0;
  virtual void on_bytes(std::string_view bytes) = 0;
  // The socket has taken everything after a write() that left something.
  virtual void on_writable() = 0;
  // It never came up or has ended, with a sentence without the address. Nothing follows.
  virtual void on_broken(Status&& why) noexcept = 0;
};

class RedisSocket {
 public:
  // `tls`: nullptr for none. All three must outlive it.
  RedisSocket(uv_loop_t* loop, SocketUser& user, TlsContext* tls) : loop_(loop), user_(user), tls_context_(tls) {}
  ~RedisSocket() { close(); }
  RedisSocket(const RedisSocket&) = delete;
  RedisSocket& operator=(const RedisSocket&) = delete;

  // Begins to connect. With several IP addresses, each gets its share of `limit_ms`; the limit itself is the user's affair. An
  // error is final: on_broken() is not called for it.
  Status open(const RedisAddress& address, int limit_ms);
  void close() noexcept;

  // Whether write() may be called: it is connected, and the socket has taken everything.
  bool ready_to_write() const { return connected_ && unsent_.empty(); }
  // Takes all bytes and writes those that the socket takes; `bytes` is empty afterwards. An error is final, as with open().
  Status write(std::string& bytes) noexcept;
  std::size_t unsent_bytes() const { return unsent_.size() - unsent_from_; }

 private:
  struct Lookup;
  struct StopLookup {
    void operator()(Lookup* lookup) const noexcept;
  };

  template <class Action>
  void guarded(Action action) noexcept;
  void end(Status&& why) noexcept;
  Status look_up(const RedisAddress& address);
  void add_candidate(const sockaddr* address, socklen_t size);
  void connect_next();
  bool begin_connect(const sockaddr_storage& address, socklen_t size);
  void watch(int events);
  void on_poll(int status, int events);
  void on_established();
  void receive();
  void receive_plain();
  Status send_output();
  Status send_unsent();
  void close_descriptor() noexcept;

  struct Candidate {
    sockaddr_storage address;
    socklen_t size;
  };

  uv_loop_t* loop_;
  SocketUser& user_;
  TlsContext* tls_context_;
  std::string host_;  // for the certificate
  std::uint64_t deadline_ = 0;
  std::vector<Candidate> candidates_;
  std::size_t next_candidate_ = 0;
  Status last_fault_;  // of the candidates that were tried

  std::unique_ptr<Lookup, StopLookup> lookup_;
  UvHandle<uv_timer_t> timer_;  // of one candidate
  UvHandle<uv_poll_t> poll_;
  int fd_ = -1;
  bool connecting_ = false;  // the kernel has not said yet whether it is connected
  bool connected_ = false;   // TLS included
  bool closed_ = false;
  int events_ = 0;

  std::unique_ptr<TlsStream> tls_;
  std::unique_ptr<char[]> input_;
  std::string unsent_;
  std::size_t unsent_from_ = 0;
};

}  // namespace chat::redis
