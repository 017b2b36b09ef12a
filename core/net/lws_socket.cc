// See lws_socket.h.
#include "net/lws_socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "hub/give_back.h"

namespace chat::net {
namespace {

constexpr std::size_t kMaxRecordBytes = 16'384;  // RFC 8446 section 5.1

}  // namespace

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

// False: the stream is broken.
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

void LwsSocket::want_writable() {
  if (wsi_) lws_callback_on_writable(wsi_);
}

void LwsSocket::set_reading(bool on) {
  if (wsi_) lws_rx_flow_control(wsi_, on ? 1 : 0);
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
  if (wsi_) lws_set_timeout(wsi_, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

}  // namespace chat::net
