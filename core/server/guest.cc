// See guest.h.
#include "server/guest.h"

#include <algorithm>
#include <string>
#include <utility>

#ifdef CHAT_WITH_REDIS
#include "guest/guest.h"
#include "net/base/clock.h"
#include "net/base/random_id.h"
#endif

namespace chat::net {
#ifdef CHAT_WITH_REDIS
namespace {

class RedisGuest final : public ClusterGuest {
 public:
  explicit RedisGuest(guest::GuestSettings settings) : guest_(std::move(settings)) {}

  HubTap& tap() override { return guest_; }
  Status start(Hub& hub, const std::function<void(const char* name)>& prepare) override {
    return guest_.start(hub, prepare);
  }
  void stop() override { guest_.stop(); }
  GuestStats stats() const override { return guest_.stats(); }

 private:
  guest::Guest guest_;
};

// As large as an event of a Socket.IO client may be, and no larger than what fits into an outbox.
std::size_t max_event_bytes(const ServerOptions& options) {
  std::int64_t most = options.max_message_bytes;
  for (const Endpoint& endpoint : options.endpoints) most = std::max(most, endpoint.max_message_bytes);
  if (options.max_outbox_bytes != kUnlimited) most = std::min(most, options.max_outbox_bytes);
  return static_cast<std::size_t>(std::max<std::int64_t>(most, 1));
}

}  // namespace

Result<std::unique_ptr<ClusterGuest>> ClusterGuest::make(const ServerOptions& options, Application& application) {
  if (options.socket_io_cluster.empty()) return std::unique_ptr<ClusterGuest>();
  Result<guest::GuestSettings> settings = guest::parse_guest_url(options.socket_io_cluster);
  if (!settings.ok()) return {settings.status().code, "socket_io_cluster: " + settings.status().detail};
  settings->uid = random_id();
  settings->default_room = options.default_room;
  settings->max_message_bytes = max_event_bytes(options);
  settings->clock = current_moment;
  settings->log = [&application](LogLevel level, const std::string& text) { application.log(level, text); };
  return std::unique_ptr<ClusterGuest>(std::make_unique<RedisGuest>(std::move(*settings)));
}
#else

Result<std::unique_ptr<ClusterGuest>> ClusterGuest::make(const ServerOptions& options, Application&) {
  if (!options.socket_io_cluster.empty()) return {Error::unsupported, "socket_io_cluster: this build has no Redis"};
  return std::unique_ptr<ClusterGuest>();
}
#endif

}  // namespace chat::net
