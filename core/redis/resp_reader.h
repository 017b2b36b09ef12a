// Turns the bytes of a Redis into values, with hiredis' parser. Bounded: the bytes of one reply, its elements, and seven levels
// of arrays. Every byte is hostile. Does no I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "model/types.h"
#include "redis/redis_value.h"

namespace chat::redis {

struct RespLimits {
  std::size_t reply_bytes = std::size_t{64} << 20;  // of one reply, as it is on the wire
  std::size_t elements = 1'000'000;                 // of one reply, those of all its arrays together
};

class RespReader {
 public:
  explicit RespReader(RespLimits limits = {});
  ~RespReader();
  RespReader(const RespReader&) = delete;
  RespReader& operator=(const RespReader&) = delete;

  // Takes the next bytes. They must live until next() has returned `none`. Throws nothing.
  void feed(std::string_view bytes) { input_ = bytes; }

  enum class Outcome : std::uint8_t { value, none, error };
  // Takes the next whole value; none: it needs more bytes. An error is final: no_memory, too_large, or system for what is not
  // RESP2.
  // Never throws: a failed allocation is an error.
  Outcome next(Value& value);
  const Status& error() const { return error_; }

 private:
  class Parser;

  Outcome fail(Error code, std::string_view what);

  std::unique_ptr<Parser> parser_;
  std::string_view input_;
  std::size_t reply_bytes_ = 0;  // fed since the last whole value
  RespLimits limits_;
  Status error_;
};

}  // namespace chat::redis
