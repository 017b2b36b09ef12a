// The bytes of a connection's current response: the head, then a body, a file, or a streaming body. It produces them in
// pieces and knows no socket. Files and constant bodies are not copied as a whole: a client that does not read costs
// one piece of memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

class ResponseOutput {
 public:
  ResponseOutput() = default;
  ~ResponseOutput() { end(); }
  ResponseOutput(const ResponseOutput&) = delete;
  ResponseOutput& operator=(const ResponseOutput&) = delete;

  // Starts a response and takes ownership of its file. without_body: for HEAD. minor_version: see response_head().
  void begin(const HttpResponse& response, KeepAlive keep_alive, bool without_body, int minor_version = 1);
  // Appends to a streaming body. Does nothing unless open().
  void append(std::string_view bytes);
  // The same with bytes as the body is sent: in chunks, or in the middle of one.
  void append_framed(std::string_view bytes);
  // Ends a streaming body.
  void complete();
  // True while a streaming body may grow: all_taken() is then not the end of the response.
  bool open() const { return open_; }
  // Returns the next bytes without consuming them; empty when all have been consumed. Returns nullopt when the file has
  // shrunk, so the announced length cannot be sent.
  std::optional<std::string_view> next(std::size_t max_bytes);
  // Removes bytes that next() returned.
  void consume(std::size_t size);
  // True when no produced bytes remain to be consumed.
  bool all_taken() const { return pending_bytes() == 0 && file_left_ == 0 && constant_left_.empty(); }
  // Approximate memory held for unsent bytes.
  std::size_t held_bytes() const { return bytes_.capacity(); }
  std::size_t pending_bytes() const { return bytes_.size() - taken_; }
  // Discards the response and frees its memory and file.
  void end();

 private:
  void drop_taken();

  std::string bytes_;
  std::size_t taken_ = 0;  // consumed part of bytes_
  int file_ = -1;
  std::uint64_t file_left_ = 0;
  std::string_view constant_left_;
  bool open_ = false;
  bool chunked_ = false;
};

}  // namespace chat::net
