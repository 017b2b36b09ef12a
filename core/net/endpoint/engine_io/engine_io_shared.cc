// See engine_io_shared.h.
#include "net/endpoint/engine_io/engine_io_shared.h"

#include <algorithm>
#include <optional>

#include "hub/hub.h"
#include "net/base/protocol_traits.h"
#include "net/base/random_id.h"
#include "net/session/far_servers.h"

namespace chat::net {
namespace {

// Socket.IO clients end a connection on which no ping comes, so pings cannot be off. A day is as good as off.
constexpr std::int64_t kRarelyMs = 24LL * 3600 * 1000;

session::EngineIoOptions read_options(const ServerOptions& options, bool may_upgrade) {
  session::EngineIoOptions result;
  result.ping_interval_ms = options.ping_interval_ms < 0 ? kRarelyMs : options.ping_interval_ms;
  result.ping_timeout_ms = options.ping_timeout_ms;
  result.upgrade_timeout_ms = options.upgrade_timeout_ms;
  result.max_payload_bytes = static_cast<std::size_t>(options.max_http_body_bytes);
  result.may_upgrade = may_upgrade;
  return result;
}

constexpr std::size_t kMaxSidBytes = 128;  // more than any has

// What the tag of an sid is of.
std::string signed_part(std::string_view id, std::string_view place) {
  std::string text = "sid ";
  text += id;
  text += place;
  return text;
}

bool has(const Endpoint& endpoint, Transport transport) {
  return (endpoint.transports & transport_bit(transport)) != 0;
}

}  // namespace

EngineIoShared::EngineIoShared(const ServerOptions& options)
    : namespaces(options.default_room, options.socket_io_changes),
      recovery(options.recovery_window_ms, options.recovery_bytes),
      kept_far(options.recovery_window_ms, options.recovery_bytes),
      upgrading_(read_options(options, true)),
      staying_(read_options(options, false)) {}

const session::EngineIoOptions& EngineIoShared::session_options(const Endpoint& endpoint) const {
  return has(endpoint, Transport::websocket) ? upgrading_ : staying_;
}

std::string EngineIoShared::new_sid() const {
  std::string sid = random_id();
  if (far == nullptr) return sid;
  const std::string place = kBeforeServer + far->name();
  return sid + far->tag(signed_part(sid, place)) + place;
}

EngineIoShared::OtherServer EngineIoShared::other_server(std::string_view sid) const {
  constexpr std::size_t kTagSize = FarServers::kTagSize;
  const std::size_t dot = sid.rfind(kBeforeServer);
  if (far == nullptr || dot == std::string_view::npos) return {};
  const std::string_view server = sid.substr(dot + 1);
  if (server == far->name()) return {};
  if (sid.size() > kMaxSidBytes || dot < kTagSize) return {{}, true};
  const std::string_view id = sid.substr(0, dot - kTagSize);
  if (!far->has_tag(signed_part(id, sid.substr(dot)), sid.substr(id.size(), kTagSize))) return {{}, true};
  return {server, false};
}

std::string EngineIoShared::continue_text(std::string_view pid, std::string_view nsp) {
  std::string text(1, kContinueText);
  text += pid;
  text += ' ';
  text += nsp;
  return text;
}

// Whoever asked takes the record that the client leaves. If the client has left before, and somebody else has taken its record, this
// stands in its place: it is no record.
void EngineIoShared::on_continue_text(std::string_view text, Hub& hub) const {
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string_view pid = text.substr(0, space);
  const std::string_view nsp = text.substr(std::min(text.size(), space + 1));
  const ClientPtr client = recovery.holder(pid, nsp);
  // One that the application has sent away leaves none.
  if (client && !client->dismissed() && hub.continue_elsewhere(client).ok()) return;
  far->agree(pid, "gone", recovery.window_ms(), [](const std::optional<std::string>&) {});
}

session::EngineIoTransports transports_of(const Endpoint& endpoint) {
  return {has(endpoint, Transport::polling), has(endpoint, Transport::websocket)};
}

}  // namespace chat::net
