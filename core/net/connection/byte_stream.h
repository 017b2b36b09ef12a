// A two-way stream of bytes with one client, as a connection sees it: a socket of libwebsockets, plain or with TLS. Both
// interfaces know nothing of HTTP or WebSocket. All calls belong to the thread of the connection's loop.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace chat::net {

// What is gathered for one write.
inline constexpr std::size_t kMaxWriteBytes = 65'536;

// What happens to a stream. Its connection implements this.
class ByteStreamUser {
 public:
  // Bytes have arrived. They are valid until this returns, and may be changed in place.
  virtual void on_input(std::span<char> bytes) = 0;
  // The stream takes output again, after want_writable().
  virtual void on_writable() = 0;
  // The client ended or lost the stream, or close() was called. Nothing comes after it but on_released().
  virtual void on_stream_closed() = 0;
  // The stream uses no resources any more and can be destroyed. Last call.
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

  // Writes without blocking. Returns how many bytes the stream took; when these are fewer than given, on_writable() tells
  // when to go on. nullopt: the stream is broken. Never calls back.
  virtual std::optional<std::size_t> write(std::string_view bytes) = 0;
  // Everything that write() took has left for the client. False only while TLS holds back a part of a record.
  virtual bool flushed() const = 0;
  // Asks for on_writable(), once.
  virtual void want_writable() = 0;

  // Off: on_input() does not come, and the client is slowed down by TCP. An end of the stream is then noticed when reading
  // is on again.
  virtual void set_reading(bool on) = 0;

  // Tells the client that nothing more will be written, after what write() took. Input still comes.
  virtual void finish_writing() = 0;

  // close() will throw away what the client has not taken, and reset the connection.
  virtual void reset_on_close() {}

  // Ends the stream at once. on_stream_closed() and on_released() follow, perhaps before this returns. Not inside a
  // callback of the same stream.
  virtual void close() = 0;
};

}  // namespace chat::net
