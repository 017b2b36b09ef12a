// What makes a server the guest of a Socket.IO cluster, if the options name one.
#pragma once

#include <functional>
#include <memory>

#include "hub/application.h"
#include "hub/hub.h"
#include "hub/hub_tap.h"
#include "net/base/server_options.h"
#include "net/base/stats.h"

namespace chat::net {

class ClusterGuest {
 public:
  ClusterGuest() = default;
  ClusterGuest(const ClusterGuest&) = delete;
  ClusterGuest& operator=(const ClusterGuest&) = delete;
  virtual ~ClusterGuest() = default;

  // nullptr: the options name no cluster. `application` must outlive the guest; it gets the log. Errors: those of
  // guest::parse_guest_url(); unsupported when this build has no Redis.
  static Result<std::unique_ptr<ClusterGuest>> make(const ServerOptions& options, Application& application);

  // Outlives the hub.
  virtual HubTap& tap() = 0;
  // Begins to connect. The hub must exist until stop(). prepare: runs first on the guest's thread. Errors: those of
  // guest::Guest::start().
  virtual Status start(Hub& hub, const std::function<void(const char* name)>& prepare) = 0;
  virtual void stop() = 0;
  virtual GuestStats stats() const = 0;
};

}  // namespace chat::net
