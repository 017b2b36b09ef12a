// See rest_path.h.
#include "wire/rest/rest_path.h"

namespace chat::wire {

RestTarget rest_target(std::string_view path, std::string_view base) {
  using enum RestTarget::Resource;
  if (!path.starts_with(base)) return {};
  path.remove_prefix(base.size());
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return {rooms, {}};
  if (path.front() != '/') return {};
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == 0 || slash == std::string_view::npos) return {};
  const std::string_view room = path.substr(0, slash);
  const std::string_view name = path.substr(slash + 1);
  if (name == "messages") return {messages, room};
  if (name == "events") return {events, room};
  if (name == "members") return {members, room};
  if (name == "presence") return {presence, room};
  return {};
}

}  // namespace chat::wire
