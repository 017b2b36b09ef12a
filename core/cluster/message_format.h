// How servers of a cluster write messages for each other: in the entries of a room's stream, and in notices. Each field is a tag, the
// length of its value and the value; an unknown tag is skipped, so servers of two versions can run side by side. Numbers are LEB128.
// The room, the seq, the epoch and the time are not in it: they are known where a message is read.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.h"
#include "model/types.h"

namespace chat::cluster {

// Appends the message to a batch. Throws std::bad_alloc.
void write_message(const Message& message, std::string& batch);

// The messages of a batch, in their order. Bounded by the size of the batch. Errors: invalid_argument when it is not well-formed, or
// when a message has more than kMaxAttachments attachments.
Result<std::vector<std::shared_ptr<Message>>> read_messages(std::string_view batch);

}  // namespace chat::cluster
