// Decompresses permessage-deflate messages of one connection (RFC 7692 section 7.2.2). Keeps the sender's window
// between messages and stops at a limit, so a compression bomb costs no more memory than the largest message.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace chat::wire {

class Inflater {
 public:
  enum class Outcome : std::uint8_t { ok, too_large, malformed };

  Inflater() = default;
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends the decompressed bytes to `out`; `final` is true for the last bytes of a message. `out` never exceeds
  // `limit` bytes.
  Outcome append(std::string_view bytes, bool final, std::size_t limit, std::string& out);

 private:
  Outcome feed(std::string_view bytes, std::size_t limit, std::string& out);

  z_stream stream_{};
  bool ready_ = false;  // zlib's memory is allocated with the first compressed message
};

}  // namespace chat::wire
