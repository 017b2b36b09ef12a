// The message by which the members of a room learn what was moderated there. It is ephemeral, and its only argument is a JSON
// object (docs/moderation.md).
#pragma once

#include <cstdint>
#include <memory>

#include "model/message.h"
#include "model/moderation.h"

namespace chat {

std::shared_ptr<Message> moderation_event(const AuditRecord& record);
// Tells moderators that a first message waits for them, for so long.
std::shared_ptr<Message> held_event(const MessageDraft& held, std::int64_t left_ms);

}  // namespace chat
