// See sockjs_path.h.
#include "wire/sockjs/sockjs_path.h"

#include <algorithm>

namespace chat::wire {
namespace {

struct Named {
  std::string_view name;
  SockJsResource resource;
};

constexpr Named kOfSessions[] = {
    {"websocket", SockJsResource::websocket},         {"xhr", SockJsResource::xhr},
    {"xhr_streaming", SockJsResource::xhr_streaming}, {"eventsource", SockJsResource::eventsource},
    {"htmlfile", SockJsResource::htmlfile},           {"jsonp", SockJsResource::jsonp},
    {"xhr_send", SockJsResource::xhr_send},           {"jsonp_send", SockJsResource::jsonp_send},
};

bool is_iframe_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
}

// The client adds its version to the name, for caches.
bool is_iframe_page(std::string_view name) {
  constexpr std::string_view kBegin = "iframe";
  constexpr std::string_view kEnd = ".html";
  return name.size() >= kBegin.size() + kEnd.size() && name.starts_with(kBegin) && name.ends_with(kEnd) &&
         std::all_of(name.begin(), name.end(), is_iframe_character);
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxSockJsIdBytes && id.find('.') == std::string_view::npos;
}

std::string_view cut_segment(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return segment;
}

}  // namespace

std::optional<SockJsTarget> parse_sockjs_path(std::string_view below) {
  if (below.ends_with('/')) below.remove_suffix(1);
  if (below.empty()) return SockJsTarget{};
  if (below.front() != '/') return std::nullopt;
  below.remove_prefix(1);
  const auto slashes = std::count(below.begin(), below.end(), '/');
  if (slashes == 0) {
    if (below == "info") return SockJsTarget{SockJsResource::info, {}, {}};
    if (below == "websocket") return SockJsTarget{SockJsResource::raw_websocket, {}, {}};
    if (is_iframe_page(below)) return SockJsTarget{SockJsResource::iframe, {}, {}};
    return std::nullopt;
  }
  if (slashes != 2) return std::nullopt;
  SockJsTarget target;
  target.server = cut_segment(below);
  target.session = cut_segment(below);
  if (!is_id(target.server) || !is_id(target.session)) return std::nullopt;
  const auto* found = std::find_if(std::begin(kOfSessions), std::end(kOfSessions),
                                   [&](const Named& named) { return named.name == below; });
  if (found == std::end(kOfSessions)) return std::nullopt;
  target.resource = found->resource;
  return target;
}

std::string_view allowed_methods(SockJsResource resource) {
  switch (resource) {
    case SockJsResource::info:
      return "OPTIONS, GET";
    case SockJsResource::xhr:
    case SockJsResource::xhr_streaming:
    case SockJsResource::xhr_send:
      return "OPTIONS, POST";
    case SockJsResource::jsonp_send:
      return "POST";
    default:
      return "GET";
  }
}

}  // namespace chat::wire
