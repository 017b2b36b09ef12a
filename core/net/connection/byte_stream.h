// A two-way stream of bytes with one client, as a connection sees it: a socket, plain or with TLS.
// Both interfaces know nothing of HTTP or WebSocket. All calls are made on the thread of the connection's loop.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace chat::net {

// How much is gathered for one write.
inline constexpr std::size_t kMaxWriteBytes = 65'536;

// What happens to a stream. Its connection implements this.
class ByteStreamUser {
 public:
  // Bytes have arrived. They are valid until this returns, and may be changed in place.
  virtual void on_input(std::span<char> bytes) = 0;
  // The stream takes output again, after want_writable().
  virtual void on_writable() = 0;
  // The client ended or lost the stream, or close() was called. Only on_released() follows.
  virtual void on_stream_closed() = 0;
  // The stream holds no resources any more and can be destroyed. The last call.
  virtual void on_released() = 0;

 protected:
  ~ByteStreamUser() = default;
};

class ByteStream {
 public:
  ByteStream() = default;
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Writes without blocking. Returns how many bytes the stream took. When it took fewer than given, want_writable()
  // asks to be called when more fit. nullopt: the stream is broken. Calls no callback.
  virtual std::optional<std::size_t> write(std::string_view bytes) = 0;
  // Everything that write() took was sent. False only while TLS holds back a part of a record.
  virtual bool flushed() const = 0;
  // The descriptor, when bytes may be written to it with send() in place of write(): non-blocking, with MSG_NOSIGNAL, and
  // nothing that write() took is still unsent. -1 when only write() can: with TLS, after finish_writing(), and when the
  // stream is closed. Valid until the next call or callback of the stream.
  virtual int direct_fd() const { return -1; }
  // Asks for on_writable(), once.
  virtual void want_writable() = 0;

  // Off: on_input() is not called, and TCP slows the client down. The end of the stream is then noticed only when
  // reading is on again.
  virtual void set_reading(bool on) = 0;

  // Tells the client that nothing follows what write() took. Input still comes.
  virtual void finish_writing() = 0;

  // close() will discard what the client has not read, and reset the connection.
  virtual void reset_on_close() {}

  // Ends the stream at once. on_stream_closed() and on_released() follow, possibly before this returns. Not inside a
  // callback of the same stream.
  virtual void close() = 0;
};

}  // namespace chat::net
