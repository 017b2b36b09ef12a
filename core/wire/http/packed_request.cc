// See packed_request.h.
#include "wire/http/packed_request.h"

#include <cstdint>
#include <cstring>
#include <string_view>

namespace chat::wire {
namespace {

using Length = std::uint32_t;  // of a string, or of a list

constexpr char kKeepAlive = 1;
constexpr char kHasBody = 2;
constexpr char kMinorVersion = 4;

template <class Visit>
void visit_strings(const HttpRequest& request, Visit visit) {
  visit(request.method);
  visit(request.path);
  visit(request.raw_query);
  for (const Pairs* const pairs : {&request.query, &request.headers}) {
    for (const auto& [name, value] : *pairs) {
      visit(name);
      visit(value);
    }
  }
}

void append_length(std::string& out, std::size_t length) {
  const auto written = static_cast<Length>(length);
  out.append(reinterpret_cast<const char*>(&written), sizeof written);
}

Length take_length(std::string_view& bytes) {
  Length length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  bytes.remove_prefix(sizeof length);
  return length;
}

std::string take_string(std::string_view& bytes) {
  const Length length = take_length(bytes);
  std::string taken(bytes.substr(0, length));
  bytes.remove_prefix(length);
  return taken;
}

}  // namespace

PackedRequest::PackedRequest(const HttpRequest& request) {
  std::size_t size = 1 + 2 * sizeof(Length);
  visit_strings(request, [&](const std::string& text) { size += sizeof(Length) + text.size(); });
  bytes_.reserve(size);
  bytes_ += static_cast<char>((request.keep_alive ? kKeepAlive : 0) | (request.has_body ? kHasBody : 0) |
                              (request.minor_version != 0 ? kMinorVersion : 0));
  append_length(bytes_, request.query.size());
  append_length(bytes_, request.headers.size());
  visit_strings(request, [&](const std::string& text) {
    append_length(bytes_, text.size());
    bytes_ += text;
  });
}

HttpRequest PackedRequest::unpack() const {
  HttpRequest request;
  if (bytes_.empty()) return request;
  std::string_view rest(bytes_);
  const char flags = rest.front();
  rest.remove_prefix(1);
  request.keep_alive = (flags & kKeepAlive) != 0;
  request.has_body = (flags & kHasBody) != 0;
  request.minor_version = (flags & kMinorVersion) != 0 ? 1 : 0;
  request.query.resize(take_length(rest));
  request.headers.resize(take_length(rest));
  for (std::string* const text : {&request.method, &request.path, &request.raw_query}) *text = take_string(rest);
  for (Pairs* const pairs : {&request.query, &request.headers}) {
    for (auto& [name, value] : *pairs) {
      name = take_string(rest);
      value = take_string(rest);
    }
  }
  return request;
}

}  // namespace chat::wire
