// The bytes of one response after the other: the head, and behind it the body, a file, or what comes of the body by and by. Gives
// them in pieces; knows no socket. Files and constant bodies are not copied as a whole: a client that does not read holds one piece in memory.
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

  // Takes the response's file. without_body: of HEAD. minor_version: see response_head().
  void begin(const HttpResponse& response, KeepAlive keep_alive, bool without_body, int minor_version = 1);
  // More of the body of a response that streams: nothing happens unless it is open().
  void append(std::string_view bytes);
  // That was all of it.
  void complete();
  // The body goes on: that everything was taken is not the end.
  bool open() const { return open_; }
  // What comes next, as often as it is asked for; empty when all was taken. nullopt: the file has shrunk, and the length that was
  // promised cannot be kept.
  std::optional<std::string_view> next(std::size_t max_bytes);
  void consume(std::size_t size);
  bool all_taken() const { return pending_bytes() == 0 && file_left_ == 0 && constant_left_.empty(); }
  // In memory, of what is not taken, about.
  std::size_t held_bytes() const { return bytes_.capacity(); }
  std::size_t pending_bytes() const { return bytes_.size() - taken_; }
  // Gives back what it holds.
  void end();

 private:
  std::string bytes_;
  std::size_t taken_ = 0;  // of them
  int file_ = -1;
  std::uint64_t file_left_ = 0;
  std::string_view constant_left_;
  bool open_ = false;
  bool chunked_ = false;
};

}  // namespace chat::net
