// See stomp_parser.h.
#include "wire/stomp/stomp_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "model/utf8.h"
#include "wire/http/syntax.h"

namespace chat::wire {

std::string_view text_of(StompFault fault) {
  switch (fault) {
    case StompFault::unknown_command:
      return "unknown command";
    case StompFault::malformed_header:
      return "malformed header";
    case StompFault::undefined_escape:
      return "undefined escape sequence in a header";
    case StompFault::not_utf8:
      return "a header is not UTF-8";
    case StompFault::malformed_length:
      return "malformed content-length";
    case StompFault::missing_nul:
      return "no NUL behind the body";
    case StompFault::unexpected_body:
      return "this frame must not have a body";
    case StompFault::too_many_headers:
      return "too many headers";
    case StompFault::line_too_long:
      return "a line is too long";
    case StompFault::headers_too_large:
      return "the headers are too large";
    case StompFault::body_too_large:
      return "the body is too large";
  }
  return {};
}

bool StompParser::read(std::string_view& bytes, StompFrame& frame) {
  while (!fault_ && !bytes.empty()) {
    switch (state_) {
      case State::between:
        if (bytes.front() == '\n' || (bytes.front() == '\r' && may_have_cr())) {
          bytes.remove_prefix(1);
        } else {
          state_ = State::command;
        }
        break;
      case State::command:
        if (take_line(bytes)) end_command();
        break;
      case State::header:
        // The blank line is missing in examples of the specification, and so in frames of clients.
        if (line_.empty() && bytes.front() == '\0') {
          bytes.remove_prefix(1);
          return complete(frame);
        }
        if (take_line(bytes)) end_header();
        break;
      case State::sized_body:
      case State::body:
        if (take_body(bytes) && complete(frame)) return true;
        break;
      case State::end:
        if (bytes.front() != '\0') {
          fail(StompFault::missing_nul);
          break;
        }
        bytes.remove_prefix(1);
        if (complete(frame)) return true;
        break;
    }
  }
  return false;
}

std::optional<std::string> StompParser::receipt_at_fault() const {
  const std::string* receipt = fault_ ? frame_.header("receipt") : nullptr;
  return receipt ? std::optional(*receipt) : std::nullopt;
}

bool StompParser::fail(StompFault fault) {
  fault_ = fault;
  return false;
}

bool StompParser::take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::string_view piece = bytes.substr(0, end);
  const std::size_t free_bytes = limits_.max_line_bytes - line_.size();
  // The fault that comes first, so that it does not depend on how the stream is cut.
  if (piece.substr(0, free_bytes + 1).find('\0') != std::string_view::npos)
    return fail(state_ == State::command ? StompFault::unknown_command : StompFault::malformed_header);
  if (piece.size() > free_bytes) return fail(StompFault::line_too_long);
  line_ += piece;
  bytes.remove_prefix(piece.size());
  if (end == std::string_view::npos) return false;
  bytes.remove_prefix(1);
  if (may_have_cr() && line_.ends_with('\r')) line_.pop_back();
  return true;
}

bool StompParser::end_command() {
  const std::optional<StompCommand> command = find_stomp_command(line_);
  line_.clear();
  if (!command) return fail(StompFault::unknown_command);
  frame_.command = *command;
  state_ = State::header;
  return true;
}

bool StompParser::end_header() {
  if (line_.empty()) return end_headers();
  headers_bytes_ += line_.size();
  if (headers_bytes_ > limits_.max_headers_bytes) return fail(StompFault::headers_too_large);
  if (frame_.headers.size() == limits_.max_headers) return fail(StompFault::too_many_headers);
  const std::size_t colon = line_.find(':');
  if (colon == std::string::npos || colon == 0) return fail(StompFault::malformed_header);
  if (is(StompVersion::v1_2) && line_.find('\r') != std::string::npos) return fail(StompFault::malformed_header);
  Pair header;
  const std::string_view line = line_;
  if (!decode(line.substr(0, colon), header.name) || !decode(line.substr(colon + 1), header.value)) return false;
  if (header.name.empty()) return fail(StompFault::malformed_header);  // version 1.0 trims
  frame_.headers.push_back(std::move(header));
  line_.clear();
  return true;
}

bool StompParser::decode(std::string_view text, std::string& decoded) {
  // Its clients pad headers, as the examples of the specification do.
  if (is(StompVersion::v1_0)) text = trim_blanks(text);
  const bool escaped = version_ && !is(StompVersion::v1_0) && frame_.command != StompCommand::connect &&
                       frame_.command != StompCommand::connected;
  if (!escaped) {
    decoded = text;
  } else {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '\\') {
        decoded += text[at];
        continue;
      }
      const char escape = ++at < text.size() ? text[at] : '\0';
      if (escape == 'n') {
        decoded += '\n';
      } else if (escape == 'c') {
        decoded += ':';
      } else if (escape == '\\') {
        decoded += '\\';
      } else if (escape == 'r' && is(StompVersion::v1_2)) {
        decoded += '\r';
      } else {
        return fail(StompFault::undefined_escape);
      }
    }
  }
  return is_utf8(decoded) || fail(StompFault::not_utf8);
}

bool StompParser::end_headers() {
  const std::string* length = frame_.header("content-length");
  if (!length) {
    state_ = State::body;
    return true;
  }
  std::string_view digits = *length;
  if (!version_) digits = trim_blanks(digits);  // the version may turn out to be 1.0
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), body_left_);
  if (error == std::errc::result_out_of_range) return fail(StompFault::body_too_large);
  if (error != std::errc() || stop != digits.data() + digits.size()) return fail(StompFault::malformed_length);
  if (body_left_ > limits_.max_body_bytes) return fail(StompFault::body_too_large);
  state_ = body_left_ == 0 ? State::end : State::sized_body;
  return true;
}

// True: the frame ends here.
bool StompParser::take_body(std::string_view& bytes) {
  const bool sized = state_ == State::sized_body;
  const std::size_t end = sized ? std::string_view::npos : bytes.find('\0');
  const std::string_view piece = sized ? bytes.substr(0, body_left_) : bytes.substr(0, end);
  const bool ignored = !may_have_body(frame_.command);
  if (ignored && !piece.empty() && version_ && !is(StompVersion::v1_0)) return fail(StompFault::unexpected_body);
  if (!sized && piece.size() > limits_.max_body_bytes - frame_.body.size()) return fail(StompFault::body_too_large);
  frame_.body += piece;
  bytes.remove_prefix(piece.size());
  if (sized) {
    body_left_ -= piece.size();
    if (body_left_ == 0) state_ = State::end;
    return false;
  }
  if (end == std::string_view::npos) return false;
  bytes.remove_prefix(1);
  return true;
}

// Version 1.0 ignores the body of a frame that should not have one.
bool StompParser::complete(StompFrame& frame) {
  if (!may_have_body(frame_.command)) frame_.body.clear();
  frame = std::exchange(frame_, {});
  headers_bytes_ = 0;
  state_ = State::between;
  return true;
}

}  // namespace chat::wire
