// See lws_socket.h.
#include "net/socket/lws_socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "model/give_back.h"

namespace chat::net {
namespace {

constexpr std::size_t kMaxRecordBytes = 16'384;  // RFC 8446 section 5.1

// Returns the handle that libwebsockets uses for its socket, or nullptr. libuv keeps the handles in a table indexed by
// descriptor, which is in its public header (on UNIX) but not in its documentation.
uv_poll_t* find_handle(uv_loop_t& uv, int fd, const lws* wsi) {
  if (fd < 0 || static_cast<unsigned>(fd) >= uv.nwatchers || !uv.watchers[fd]) return nullptr;
  auto* const handle =
      reinterpret_cast<uv_poll_t*>(reinterpret_cast<char*>(uv.watchers[fd]) - offsetof(uv_poll_t, io_watcher));
  const bool found = handle->type == UV_POLL && handle->data == wsi && handle->poll_cb != nullptr;
  return found ? handle : nullptr;
}

bool is_closing(uv_poll_t* handle) { return uv_is_closing(reinterpret_cast<uv_handle_t*>(handle)) != 0; }
bool is_active(uv_poll_t* handle) { return uv_is_active(reinterpret_cast<uv_handle_t*>(handle)) != 0; }

}  // namespace

void LwsSocket::watch(ReadySockets& sockets, uv_loop_t& uv) {
  fd_ = lws_get_socket_fd(wsi_);
  handle_ = find_handle(uv, fd_, wsi_);
  if (!handle_) return;
  // The timeouts of libwebsockets are a sorted list, in which a new one costs time in proportion to their number.
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  sockets_ = &sockets;
  key_ = sockets.add(*this);
  follow_libwebsockets();
}

void LwsSocket::unwatch() {
  if (!handle_) return;
  sockets_->watch(key_, fd_, watched_, 0);
  sockets_->forget(key_);
  sockets_->note_closing();
  watched_ = 0;
  handle_ = nullptr;
}

void LwsSocket::detach() {
  unwatch();
  wsi_ = nullptr;
}

void LwsSocket::on_ready(unsigned events, bool ended) {
  // libwebsockets detects the end by reading.
  if (ended) events = watched_;
  events &= watched_;
  const bool handshake = handshake_timed_;
  if (const unsigned served = handshake ? events : events & Poller::kRead; served != 0) service(served);
  if (handshake || (events & Poller::kWrite) == 0 || !handle_) return;
  wants_writable_ = false;
  apply_interest();
  user_.on_writable();
}

void LwsSocket::service(unsigned events) {
  const int as_libuv = ((events & Poller::kRead) != 0 ? static_cast<int>(UV_READABLE) : 0) |
                       ((events & Poller::kWrite) != 0 ? static_cast<int>(UV_WRITABLE) : 0);
  handle_->poll_cb(handle_, 0, as_libuv);
  follow_libwebsockets();
}

// Call this after each libwebsockets call that may have restarted or closed its handle.
void LwsSocket::follow_libwebsockets() {
  if (!handle_) return;
  if (is_closing(handle_)) {
    unwatch();
    return;
  }
  if (is_active(handle_)) {
    const unsigned wanted = handle_->io_watcher.pevents;
    handshake_ = ((wanted & POLLIN) != 0 ? Poller::kRead : 0U) | ((wanted & POLLOUT) != 0 ? Poller::kWrite : 0U);
    uv_poll_stop(handle_);
  }
  apply_interest();
}

void LwsSocket::apply_interest() {
  const unsigned own = (reading_ ? Poller::kRead : 0U) | (wants_writable_ ? Poller::kWrite : 0U);
  const unsigned wanted = handshake_timed_ ? handshake_ : own;
  if (wanted == watched_) return;
  if (sockets_->watch(key_, fd_, watched_, wanted)) watched_ = wanted;
}

void LwsSocket::received(std::span<char> bytes) {
  if (std::exchange(handshake_timed_, false)) lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  user_.on_input(bytes);
}

std::optional<std::size_t> LwsSocket::write(std::string_view bytes) {
  if (!wsi_ || finished_) return std::nullopt;
  SSL* const ssl = lws_get_ssl(wsi_);
  return ssl ? write_tls(ssl, bytes) : write_plain(bytes);
}

std::optional<std::size_t> LwsSocket::write_plain(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count =
        send(lws_get_socket_fd(wsi_), bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return std::nullopt;
    }
  }
  return written;
}

std::optional<std::size_t> LwsSocket::write_tls(SSL* ssl, std::string_view bytes) {
  if (!send_unsent_record(ssl)) return std::nullopt;
  std::size_t written = 0;
  while (written < bytes.size() && unsent_record_.empty()) {
    const std::string_view record = bytes.substr(written, kMaxRecordBytes);
    ERR_clear_error();
    const int count = SSL_write(ssl, record.data(), static_cast<int>(record.size()));
    if (count > 0) {
      written += static_cast<std::size_t>(count);
      continue;
    }
    const int error = SSL_get_error(ssl, count);
    ERR_clear_error();
    if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return std::nullopt;
    unsent_record_ = record;
    written += record.size();
  }
  return written;
}

// Returns false when the stream is broken.
bool LwsSocket::send_unsent_record(SSL* ssl) {
  while (!unsent_record_.empty()) {
    ERR_clear_error();
    const int count = SSL_write(ssl, unsent_record_.data(), static_cast<int>(unsent_record_.size()));
    if (count <= 0) {
      const int error = SSL_get_error(ssl, count);
      ERR_clear_error();
      return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
    }
    unsent_record_.erase(0, static_cast<std::size_t>(count));
  }
  give_back(unsent_record_);
  return true;
}

int LwsSocket::direct_fd() const {
  return wsi_ && !finished_ && lws_get_ssl(wsi_) == nullptr ? lws_get_socket_fd(wsi_) : -1;
}

void LwsSocket::want_writable() {
  wants_writable_ = true;
  if (handle_) {
    apply_interest();
  } else if (wsi_) {
    lws_callback_on_writable(wsi_);
  }
}

void LwsSocket::set_reading(bool on) {
  reading_ = on;
  if (handle_) {
    apply_interest();
  } else if (wsi_) {
    lws_rx_flow_control(wsi_, on ? 1 : 0);
  }
}

void LwsSocket::finish_writing() {
  if (!wsi_ || std::exchange(finished_, true)) return;
  if (SSL* const ssl = lws_get_ssl(wsi_)) {
    ERR_clear_error();
    SSL_shutdown(ssl);
    ERR_clear_error();
  }
  shutdown(lws_get_socket_fd(wsi_), SHUT_WR);
}

void LwsSocket::reset_on_close() {
  if (!wsi_) return;
  const linger at_once{1, 0};
  setsockopt(lws_get_socket_fd(wsi_), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void LwsSocket::close() {
  if (!wsi_) return;
  lws_set_timeout(wsi_, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
  follow_libwebsockets();
}

}  // namespace chat::net
