// See tls_socket.h.
#include "net/socket/tls_socket.h"

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

void TlsSocket::watch(ReadySockets& sockets, uv_loop_t& uv) {
  const int fd = lws_get_socket_fd(wsi_);
  uv_poll_t* const handle = find_handle(uv, fd, wsi_);
  if (!handle) return;
  watch_.start(sockets, *this, fd);
  handle_ = handle;
  sockets_ = &sockets;
  cancel_timeout();
  follow_libwebsockets();
}

void TlsSocket::unwatch() {
  if (!handle_) return;
  watch_.stop();
  sockets_->note_closing();
  handle_ = nullptr;
}

void TlsSocket::detach() {
  unwatch();
  wsi_ = nullptr;
}

void TlsSocket::on_ready(unsigned events, bool ended) {
  // libwebsockets detects the end by reading.
  if (ended) events = watch_.events();
  events &= watch_.events();
  const bool handshake = handshaking_;
  if (const unsigned served = handshake ? events : events & Poller::kRead; served != 0) service(served);
  if (handshake || (events & Poller::kWrite) == 0 || !handle_) return;
  wants_writable_ = false;
  apply_interest();
  user_.on_writable();
}

void TlsSocket::service(unsigned events) {
  const int as_libuv = ((events & Poller::kRead) != 0 ? static_cast<int>(UV_READABLE) : 0) |
                       ((events & Poller::kWrite) != 0 ? static_cast<int>(UV_WRITABLE) : 0);
  const bool handshake = handshaking_;
  handle_->poll_cb(handle_, 0, as_libuv);
  // libwebsockets sets a timeout of a year when the handshake ends.
  if (handshake && handle_ && !is_closing(handle_)) cancel_timeout();
  follow_libwebsockets();
}

// The timeouts of libwebsockets are a sorted list, in which a new one costs time in proportion to their number. The
// connection has its own.
void TlsSocket::cancel_timeout() { lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0); }

// Call this after each libwebsockets call that may have restarted or closed its handle.
void TlsSocket::follow_libwebsockets() {
  if (!handle_) return;
  if (is_closing(handle_)) {
    unwatch();
    return;
  }
  if (is_active(handle_)) {
    const unsigned wanted = handle_->io_watcher.pevents;
    handshake_events_ = ((wanted & POLLIN) != 0 ? Poller::kRead : 0U) | ((wanted & POLLOUT) != 0 ? Poller::kWrite : 0U);
    uv_poll_stop(handle_);
  }
  apply_interest();
}

void TlsSocket::apply_interest() {
  const unsigned own = (reading_ ? Poller::kRead : 0U) | (wants_writable_ ? Poller::kWrite : 0U);
  (void)watch_.set(handshaking_ ? handshake_events_ : own);
}

void TlsSocket::received(std::span<char> bytes) {
  if (std::exchange(handshaking_, false)) cancel_timeout();
  user_.on_input(bytes);
}

std::optional<std::size_t> TlsSocket::write(std::string_view bytes) {
  if (!wsi_ || finished_) return std::nullopt;
  SSL* const ssl = lws_get_ssl(wsi_);
  if (!ssl) return std::nullopt;
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
bool TlsSocket::send_unsent_record(SSL* ssl) {
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

void TlsSocket::want_writable() {
  wants_writable_ = true;
  if (handle_) {
    apply_interest();
  } else if (wsi_) {
    lws_callback_on_writable(wsi_);
  }
}

void TlsSocket::set_reading(bool on) {
  reading_ = on;
  if (handle_) {
    apply_interest();
  } else if (wsi_) {
    lws_rx_flow_control(wsi_, on ? 1 : 0);
  }
}

void TlsSocket::finish_writing() {
  if (!wsi_ || std::exchange(finished_, true)) return;
  if (SSL* const ssl = lws_get_ssl(wsi_)) {
    ERR_clear_error();
    SSL_shutdown(ssl);
    ERR_clear_error();
  }
  shutdown(lws_get_socket_fd(wsi_), SHUT_WR);
}

void TlsSocket::reset_on_close() {
  if (!wsi_) return;
  const linger at_once{1, 0};
  setsockopt(lws_get_socket_fd(wsi_), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void TlsSocket::close() {
  if (!wsi_) return;
  lws_set_timeout(wsi_, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
  follow_libwebsockets();
}

}  // namespace chat::net
