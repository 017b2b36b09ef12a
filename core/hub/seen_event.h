// The message by which the other clients of a user learn how far the user has read in a room. It goes to each of them alone,
// and its only argument is a JSON object, {"room":"lobby","seq":17}.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "hub/moment.h"
#include "model/message.h"

namespace chat {

std::shared_ptr<Message> seen_event(std::string_view room, std::uint64_t seq, Moment now);

}  // namespace chat
