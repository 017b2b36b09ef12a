// See http_body.h.
#include "net/http/http_body.h"

#include <algorithm>
#include <utility>

namespace chat::net {
namespace {

constexpr std::size_t kMaxSizeDigits = 16;  // digits of a 64-bit number

BodyPlan refuse(int status, std::string text) {
  BodyPlan plan;
  plan.kind = BodyPlan::Kind::refused;
  plan.refusal = HttpResponse::text(status, std::move(text));
  plan.refusal.close = true;
  return plan;
}

bool brings_a_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_text(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }

}  // namespace

BodyPlan plan_body(const HttpRequest& request) {
  const std::string* length = nullptr;
  const std::string* encoding = nullptr;
  for (const Pair& header : request.headers) {
    if (header.name == "content-length" && std::exchange(length, &header.value)) {
      return refuse(400, "more than one Content-Length\n");
    }
    if (header.name == "transfer-encoding" && std::exchange(encoding, &header.value)) {
      return refuse(400, "more than one Transfer-Encoding\n");
    }
  }
  BodyPlan plan;
  if (encoding) {
    if (length) return refuse(400, "both Content-Length and Transfer-Encoding\n");
    if (!brings_a_body(request.method)) return refuse(400, "this method does not take a body with Transfer-Encoding\n");
    if (!equals_ignoring_case(*encoding, "chunked")) return refuse(501, "unknown Transfer-Encoding\n");
    plan.kind = BodyPlan::Kind::chunked;
    return plan;
  }
  if (!length) return brings_a_body(request.method) ? refuse(411, "Content-Length is missing\n") : plan;
  const std::optional<std::uint64_t> parsed = parse_content_length(*length);
  if (!parsed) return refuse(400, "malformed Content-Length\n");
  plan.kind = *parsed == 0 ? BodyPlan::Kind::none : BodyPlan::Kind::length;
  plan.length_bytes = *parsed;
  return plan;
}

ChunkedDecoder::Outcome ChunkedDecoder::feed(std::string_view bytes, std::string& body, std::size_t max_bytes) {
  while (!bytes.empty() && outcome_ == Outcome::more) {
    if (state_ == State::data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, bytes.size()));
      body.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      chunk_left_ -= count;
      if (chunk_left_ == 0) state_ = State::data_cr;
      continue;
    }
    outcome_ = step(bytes.front(), max_bytes - std::min(max_bytes, body.size()));
    bytes.remove_prefix(1);
  }
  unused_bytes_ = bytes.size();
  return outcome_;
}

// Consumes one byte outside of chunk data.
ChunkedDecoder::Outcome ChunkedDecoder::step(char c, std::size_t room_bytes) {
  const auto expect = [&](char wanted, State next) {
    state_ = next;
    return c == wanted ? Outcome::more : Outcome::malformed;
  };
  switch (state_) {
    case State::size:
      return digit_or_end(c, room_bytes);
    case State::before_extension:
      if (++extension_bytes_ > kMaxExtensionBytes) return Outcome::malformed;
      return is_blank(c) ? Outcome::more : expect(';', State::extension);
    case State::extension:
      if (c == '\r') return expect('\r', State::size_lf);
      return is_text(c) && ++extension_bytes_ <= kMaxExtensionBytes ? Outcome::more : Outcome::malformed;
    case State::size_lf:
      digits_ = 0;
      return expect('\n', chunk_left_ == 0 ? State::line : State::data);
    case State::data_cr:
      return expect('\r', State::data_lf);
    case State::data_lf:
      return expect('\n', State::size);
    case State::line:
      if (c == '\r') return expect('\r', State::last_lf);
      state_ = State::trailer;
      [[fallthrough]];
    case State::trailer:
      if (c == '\r') return expect('\r', State::trailer_lf);
      return is_text(c) && ++trailer_bytes_ <= kMaxTrailerBytes ? Outcome::more : Outcome::malformed;
    case State::trailer_lf:
      return expect('\n', State::line);
    case State::last_lf:
      return c == '\n' ? Outcome::done : Outcome::malformed;
    case State::data:
      break;
  }
  return Outcome::malformed;
}

ChunkedDecoder::Outcome ChunkedDecoder::digit_or_end(char c, std::size_t room_bytes) {
  const int digit = hex_digit(c);
  if (digit >= 0) {
    if (++digits_ > kMaxSizeDigits) return Outcome::malformed;
    chunk_left_ = chunk_left_ * 16 + static_cast<std::uint64_t>(digit);
    return chunk_left_ > room_bytes ? Outcome::too_large : Outcome::more;
  }
  if (digits_ == 0) return Outcome::malformed;
  if (c == '\r') {
    state_ = State::size_lf;
    return Outcome::more;
  }
  if (!is_blank(c) && c != ';') return Outcome::malformed;
  state_ = c == ';' ? State::extension : State::before_extension;
  return ++extension_bytes_ <= kMaxExtensionBytes ? Outcome::more : Outcome::malformed;
}

}  // namespace chat::net
