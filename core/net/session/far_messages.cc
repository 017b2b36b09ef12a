// See far_messages.h.
#include "net/session/far_messages.h"

#include <utility>

namespace chat::net {
namespace {

std::string begin(FarKind kind, std::uint64_t chooses_loop) {
  std::string out(1, static_cast<char>(kind));
  pack_number(out, chooses_loop);
  return out;
}

void put(std::string& out, const Pairs& pairs) {
  pack_number(out, pairs.size());
  for (const Pair& pair : pairs) {
    pack_text(out, pair.name);
    pack_text(out, pair.value);
  }
}

bool get(PackedReader& in, Pairs& pairs) {
  std::uint64_t count = 0;
  if (!in.read(count)) return false;
  for (; count != 0; --count) {  // each one takes bytes, so their size is the bound
    Pair pair;
    if (!in.read(pair.name) || !in.read(pair.value)) return false;
    pairs.push_back(std::move(pair));
  }
  return true;
}

bool get(PackedReader& in, bool& value) {
  std::uint64_t number = 0;
  if (!in.read(number) || number > 1) return false;
  value = number == 1;
  return true;
}

// The number of a request chooses a loop of its home.
std::string begin(FarKind kind, const FarRequestName& name) {
  std::string out = begin(kind, name.number);
  pack_text(out, name.entry);
  pack_number(out, name.loop);
  return out;
}

bool get(PackedReader& in, FarRequestName& name) {
  return in.read(name.number) && in.read(name.entry) && in.read(name.loop);
}

}  // namespace

std::string pack(const FarRequest& message) {
  std::string out = begin(FarKind::request, message.name);
  const HttpRequest& request = message.request;
  pack_text(out, request.method);
  pack_text(out, request.path);
  pack_text(out, request.raw_query);
  put(out, request.query);
  put(out, request.headers);
  pack_number(out, request.minor_version == 0 ? 0 : 1);
  pack_number(out, request.keep_alive ? 1 : 0);
  pack_number(out, request.has_body ? 1 : 0);
  pack_text(out, message.context.address);
  pack_text(out, message.context.host);
  pack_number(out, message.context.secure ? 1 : 0);
  pack_number(out, message.context.origin_allowed ? 1 : 0);
  pack_text(out, message.body);
  pack_number(out, message.within_ms);
  return out;
}

bool unpack(std::string_view text, FarRequest& message) {
  PackedReader in(text);
  HttpRequest& request = message.request;
  bool is_newer = false;
  const bool complete = get(in, message.name) && in.read(request.method) && in.read(request.path) &&
                        in.read(request.raw_query) && get(in, request.query) && get(in, request.headers) &&
                        get(in, is_newer) && get(in, request.keep_alive) && get(in, request.has_body) &&
                        in.read(message.context.address) && in.read(message.context.host) &&
                        get(in, message.context.secure) && get(in, message.context.origin_allowed) &&
                        in.read(message.body) && in.read(message.within_ms);
  request.minor_version = is_newer ? 1 : 0;
  message.context.forwarded = true;
  return complete;
}

std::string pack(const FarLost& message) { return begin(FarKind::lost, message.name); }

bool unpack(std::string_view text, FarLost& message) {
  PackedReader in(text);
  return get(in, message.name);
}

std::string pack(const FarDrained& message) { return begin(FarKind::drained, message.name); }

bool unpack(std::string_view text, FarDrained& message) {
  PackedReader in(text);
  return get(in, message.name);
}

std::string pack(const FarKnown& message) { return begin(FarKind::known, message.name); }

bool unpack(std::string_view text, FarKnown& message) {
  PackedReader in(text);
  return get(in, message.name);
}

std::string pack(const FarSlow& message) { return begin(FarKind::slow, message.name); }

bool unpack(std::string_view text, FarSlow& message) {
  PackedReader in(text);
  return get(in, message.name);
}

std::string pack(const FarAnswer& message) {
  std::string out = begin(FarKind::answer, message.loop);
  const HttpResponse& response = message.response;
  pack_number(out, message.number);
  pack_number(out, message.essential ? 1 : 0);
  pack_number(out, static_cast<std::uint64_t>(response.status));
  pack_number(out, response.close ? 1 : 0);
  pack_number(out, response.streams ? 1 : 0);
  put(out, response.headers);
  pack_text(out, response.constant_body.empty() ? std::string_view(response.body) : response.constant_body);
  pack_text(out, message.home);
  return out;
}

bool unpack(std::string_view text, FarAnswer& message) {
  PackedReader in(text);
  HttpResponse& response = message.response;
  std::uint64_t status = 0;
  const bool complete = in.read(message.loop) && in.read(message.number) && get(in, message.essential) &&
                        in.read(status) && get(in, response.close) && get(in, response.streams) &&
                        get(in, response.headers) && in.read(response.body) && in.read(message.home);
  constexpr std::uint64_t kLeast = 200;
  constexpr std::uint64_t kMost = 599;
  response.status = static_cast<int>(status);
  return complete && status >= kLeast && status <= kMost;
}

std::string pack(const FarWrite& message) {
  std::string out = begin(FarKind::write, message.loop);
  pack_number(out, message.number);
  pack_number(out, message.last ? 1 : 0);
  pack_text(out, message.bytes);
  pack_number(out, message.order);
  pack_text(out, message.home);
  return out;
}

bool unpack(std::string_view text, FarWrite& message) {
  PackedReader in(text);
  return in.read(message.loop) && in.read(message.number) && get(in, message.last) && in.read(message.bytes) &&
         in.read(message.order) && in.read(message.home);
}

std::string pack(const FarOver& message) {
  std::string out = begin(FarKind::over, message.loop);
  pack_number(out, message.number);
  return out;
}

bool unpack(std::string_view text, FarOver& message) {
  PackedReader in(text);
  return in.read(message.loop) && in.read(message.number);
}

std::string pack_presence() { return std::string(1, static_cast<char>(FarKind::presence)); }

std::optional<std::size_t> far_loop(FarKind kind, std::string_view text, std::size_t loops) {
  switch (kind) {
    case FarKind::request:
    case FarKind::lost:
    case FarKind::drained:
    case FarKind::known:
    case FarKind::slow:
    case FarKind::answer:
    case FarKind::write:
    case FarKind::over:
      break;
    default:
      return std::nullopt;
  }
  PackedReader in(text);
  const std::optional<std::uint64_t> number = in.number();
  if (!number) return std::nullopt;
  return static_cast<std::size_t>(*number % loops);
}

}  // namespace chat::net
