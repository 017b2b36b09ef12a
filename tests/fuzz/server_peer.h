// One connection to the server under test, for fuzz_server.cc: sends whole requests, frames and loose bytes without ever
// waiting, and checks what comes back for as long as it can know what that has to be.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "model/utf8.h"

namespace chat::fuzz {

struct ServerAddress {
  sockaddr_un name{};
  socklen_t size = 0;
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&name); }
};

class ServerPeer {
 public:
  ServerPeer() = default;
  ~ServerPeer() { close(); }
  ServerPeer(const ServerPeer&) = delete;
  ServerPeer& operator=(const ServerPeer&) = delete;

  bool is_open() const { return fd_ >= 0; }
  bool is_deaf = false;  // reads nothing: what is said to it piles up

  void open(ServerAddress& address) {
    close();
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd_ >= 0 && connect(fd_, address.generic(), address.size) == 0);
    require(fcntl(fd_, F_SETFL, O_NONBLOCK) == 0);
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    known_ = true;
    upgraded_ = false;
    ended_ = false;
    received_.clear();
    seen_.clear();
  }

  void end_sending() const { shutdown(fd_, SHUT_WR); }

  // What does not fit into the socket is left out: the server takes no more for now.
  void send(std::string_view bytes) const { (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

  // The answer may be anything from here on: the bytes were not a request of ours.
  void send_loose(std::string_view bytes) {
    known_ = false;
    send(bytes);
  }

  void request(std::string_view method, std::string_view target, std::string_view more_headers = {},
               std::string_view body = {}) {
    std::string head(method);
    head.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(more_headers);
    if (method == "POST") head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    head.append("\r\n").append(body);
    // Spaces and line ends would make another request of it.
    const bool plain = std::all_of(target.begin(), target.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
    if (!plain || !target.starts_with('/') || upgraded_) known_ = false;
    send(head);
  }

  void ask_for_websocket(std::string_view target, std::string_view more_headers = {}) {
    std::string headers(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    if (!more_headers.empty()) known_ = false;
    request("GET", target, headers.append(more_headers));
  }

  // `first`: FIN, RSV and opcode. `claimed_bytes`: the length that its head says.
  void send_frame(std::uint8_t first, std::string_view payload, std::uint64_t claimed_bytes) {
    if (!upgraded_ && !is_deaf) known_ = false;
    static constexpr std::uint8_t kMask[] = {0x11, 0x22, 0x33, 0x44};
    std::string frame(1, static_cast<char>(first));
    if (claimed_bytes < 126) {
      frame += static_cast<char>(0x80 | claimed_bytes);
    } else {
      const int length_bytes = claimed_bytes < 0x10000 ? 2 : 8;
      frame += static_cast<char>(length_bytes == 2 ? 0xFE : 0xFF);
      for (int i = length_bytes - 1; i >= 0; --i) frame += static_cast<char>(claimed_bytes >> (8 * i));
    }
    frame.append(reinterpret_cast<const char*>(kMask), sizeof(kMask));
    for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ kMask[i % 4]);
    send(frame);
  }

  // Takes what has come; whether there was anything.
  bool receive() {
    if (!is_open() || is_deaf || ended_) return false;
    char buffer[16384];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) {
      ended_ = got == 0 || (errno != EAGAIN && errno != EINTR);
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(got));
    seen_.append(buffer, std::min<std::size_t>(static_cast<std::size_t>(got), 4096));
    if (seen_.size() > 16384) seen_.erase(0, seen_.size() - 4096);
    if (known_) check();
    if (!known_) received_.clear();
    return true;
  }

  // The last of what has come, whole responses or not.
  const std::string& seen() const { return seen_; }

 private:
  void check() {
    while (known_ && !received_.empty() && (upgraded_ ? take_frame() : take_response())) {
    }
  }

  bool take_response() {
    static constexpr std::string_view kVersion = "HTTP/1.1 ";
    require(received_.substr(0, kVersion.size()) == kVersion.substr(0, received_.size()));
    const std::size_t end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::string head = received_.substr(0, end + 2);
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
    int status = 0;
    std::from_chars(head.data() + kVersion.size(), head.data() + head.size(), status);
    require(status >= 100 && status < 600);
    std::size_t body_bytes = 0;
    if (status == 101) {
      upgraded_ = true;
    } else if (const std::size_t length = head.find("\r\ncontent-length:"); length != std::string::npos) {
      const std::size_t digits = head.find_first_not_of(' ', length + 17);
      std::from_chars(head.data() + digits, head.data() + head.size(), body_bytes);
    } else if (status != 204 && status != 304) {
      known_ = false;  // up to the end of the connection, or in chunks
      return false;
    }
    if (received_.size() - end - 4 < body_bytes) return false;
    received_.erase(0, end + 4 + body_bytes);
    return true;
  }

  // RFC 6455 section 5: what a server may send.
  bool take_frame() {
    const auto byte = [this](std::size_t at) { return static_cast<std::uint8_t>(received_[at]); };
    if (received_.size() < 2) return false;
    const int opcode = byte(0) & 0x0F;
    const bool final = (byte(0) & 0x80) != 0;
    require((byte(0) & 0x70) == 0);
    require(opcode <= 2 || (opcode >= 8 && opcode <= 10));
    require((byte(1) & 0x80) == 0);
    std::uint64_t size = byte(1);
    std::size_t head_bytes = 2;
    if (size >= 126) {
      require(opcode < 8);
      head_bytes += size == 126 ? 2 : 8;
      if (received_.size() < head_bytes) return false;
      size = 0;
      for (std::size_t at = 2; at < head_bytes; ++at) size = size << 8 | byte(at);
    }
    require(opcode < 8 || final);
    require(size < (std::uint64_t{1} << 30));
    if (received_.size() - head_bytes < size) return false;
    if (opcode == 1 && final) require(is_utf8(std::string_view(received_).substr(head_bytes, size)));
    received_.erase(0, head_bytes + size);
    return true;
  }

  int fd_ = -1;
  bool known_ = true;
  bool upgraded_ = false;
  bool ended_ = false;
  std::string received_;
  std::string seen_;
};

}  // namespace chat::fuzz
