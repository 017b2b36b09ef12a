// The message by which the members of a room learn what was moderated there. It is ephemeral, and its only argument is a JSON
// object (docs/moderation.md).
#pragma once

#include <memory>

#include "model/message.h"
#include "model/moderation.h"

namespace chat {

std::shared_ptr<Message> moderation_event(const AuditRecord& record);

}  // namespace chat
