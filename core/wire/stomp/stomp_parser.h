// Reads STOMP frames from a stream of bytes, cut anywhere: several frames in one piece, or one in several. Checks everything that
// concerns the frame alone. What a frame means is for session/stomp_session.h.
//
// Before a version is negotiated the parser reads what is common to all versions, which is what a CONNECT frame may hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/stomp/stomp_frame.h"

namespace chat::wire {

struct StompLimits {
  std::size_t max_headers = 100;
  std::size_t max_line_bytes = 8 * 1'024;      // of a command, or of one header
  std::size_t max_headers_bytes = 16 * 1'024;  // of all headers of a frame together
  std::size_t max_body_bytes = 1'000'000;
};

enum class StompFault : std::uint8_t {
  unknown_command,
  malformed_header,  // no colon, an empty name, or an octet that the version's grammar forbids
  undefined_escape,  // a backslash and something that the version does not define
  not_utf8,          // in a header
  malformed_length,  // content-length is not a number
  missing_nul,       // behind as many octets as content-length says
  unexpected_body,   // only SEND, MESSAGE and ERROR may have one
  too_many_headers,
  line_too_long,
  headers_too_large,
  body_too_large,
};

// A sentence for the `message` header of an ERROR frame.
std::string_view text_of(StompFault fault);

class StompParser {
 public:
  explicit StompParser(const StompLimits& limits = {}) : limits_(limits) {}

  // From the next frame on.
  void set_version(StompVersion version) { version_ = version; }

  // Takes bytes from the front until a frame is complete. False: all bytes are taken and no frame is complete, or there is a
  // fault, behind which nothing is read any more.
  bool read(std::string_view& bytes, StompFrame& frame);
  std::optional<StompFault> fault() const { return fault_; }

  // The value of the `receipt` header of the frame with the fault, when it was read before.
  std::optional<std::string> receipt_at_fault() const;

  // The size of the part of a frame that has been read.
  std::size_t held_bytes() const { return line_.size() + headers_bytes_ + frame_.body.size(); }

  // In the middle of a frame.
  bool in_frame() const { return state_ != State::between; }

 private:
  enum class State : std::uint8_t {
    between,  // end-of-lines before a frame
    command,
    header,
    sized_body,  // with a content-length
    body,        // up to the first NUL
    end,         // the NUL behind a sized body
  };

  bool is(StompVersion version) const { return version_ == version; }
  // An end-of-line may have a CR: in version 1.2, and in a CONNECT frame, which may be of that version.
  bool may_have_cr() const { return !version_ || is(StompVersion::v1_2); }

  // The functions below return false at a fault. fail() always does.
  bool fail(StompFault fault);
  // Appends to line_ up to the next LF. True: the line is complete, without its end.
  bool take_line(std::string_view& bytes);
  bool take_body(std::string_view& bytes);
  bool end_command();
  bool end_header();
  bool end_headers();
  bool complete(StompFrame& frame);
  bool decode(std::string_view text, std::string& decoded);

  const StompLimits limits_;
  std::optional<StompVersion> version_;
  State state_ = State::between;
  std::optional<StompFault> fault_;
  std::string line_;
  StompFrame frame_;
  std::size_t headers_bytes_ = 0;
  std::size_t body_left_ = 0;  // of a sized body
};

}  // namespace chat::wire
