// The bytes of one response after the other: the head, and behind it the body or a file. Gives them in pieces; knows no socket.
// Files and constant bodies are not copied as a whole: a client that does not read holds one piece in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace chat::net {

class ResponseOutput {
 public:
  ResponseOutput() = default;
  ~ResponseOutput() { end(); }
  ResponseOutput(const ResponseOutput&) = delete;
  ResponseOutput& operator=(const ResponseOutput&) = delete;

  // Takes the response's file. without_body: of HEAD.
  void begin(const HttpResponse& response, KeepAlive keep_alive, bool without_body);
  // What comes next, as often as it is asked for; empty when all was taken. nullopt: the file has shrunk, and the length that was
  // promised cannot be kept.
  std::optional<std::string_view> next(std::size_t max_bytes);
  void consume(std::size_t size);
  bool all_taken() const { return bytes_.empty() && file_left_ == 0 && constant_left_.empty(); }
  // In memory, of what is not taken.
  std::size_t held_bytes() const { return bytes_.capacity(); }
  // Gives back what it holds.
  void end();

 private:
  std::string bytes_;
  std::size_t taken_ = 0;  // of them
  int file_ = -1;
  std::uint64_t file_left_ = 0;
  std::string_view constant_left_;
};

}  // namespace chat::net
