// permessage-deflate's receiving side (RFC 7692 section 7.2.2) for one connection: keeps the sender's window from message to
// message, and stops at a limit, so that a bomb costs no more memory than a message may have.
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

  // Appends to `out` what the bytes unfold to; `final` with a message's last bytes. `out` never gets longer than the limit.
  Outcome append(std::string_view bytes, bool final, std::size_t limit, std::string& out);

 private:
  Outcome feed(std::string_view bytes, std::size_t limit, std::string& out);

  z_stream stream_{};
  bool ready_ = false;  // zlib's memory is taken with the first compressed message
};

}  // namespace chat::wire
