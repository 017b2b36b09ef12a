// What a link may use of its loop.
#pragma once

#include <cstdint>
#include <string>

#include "model/types.h"
#include "net/base/loop_context.h"
#include "net/deliver/charged_links.h"
#include "net/deliver/direct_links.h"
#include "net/deliver/dirty_links.h"
#include "net/deliver/outbox.h"

namespace chat::net {

class LinkContext : public LoopContext {
 public:
  LinkContext(std::size_t index, const ServerOptions& options, Application& application, RefusalLog& refusals)
      : LoopContext(index, options, application, refusals),
        outbox_limits_{static_cast<std::size_t>(options.max_outbox_bytes),
                       static_cast<std::size_t>(options.max_outbox_messages), options.outbox_policy} {}

  const OutboxLimits& outbox_limits() const { return outbox_limits_; }
  DirtyLinks& dirty_links() { return dirty_links_; }
  const DirtyLinks& dirty_links() const { return dirty_links_; }
  DirectLinks& direct_links() { return direct_links_; }
  ChargedLinks& charged_links() { return charged_links_; }
  // For bytes that are gathered for one write. Empty between two uses.
  std::string& scratch() { return scratch_; }

  // The sender's messages fill outboxes faster than these are read: nothing is read from it for that time.
  virtual void pause_sender(ClientId sender, std::int64_t pause_ms) = 0;

 private:
  const OutboxLimits outbox_limits_;
  DirtyLinks dirty_links_{*this};
  DirectLinks direct_links_{*this};
  ChargedLinks charged_links_;
  std::string scratch_;
};

}  // namespace chat::net
