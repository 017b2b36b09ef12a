// Commands as Redis reads them, and what is special about those for subscriptions. Knows no socket.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "redis/redis_value.h"

namespace chat::redis {

std::size_t encoded_size(std::span<const std::string_view> args);
// Appends the command. Throws nothing when `bytes` has the capacity.
void append_command(std::string& bytes, std::span<const std::string_view> args);

// The kind of the confirmations of a command that subscribes or unsubscribes, such as "ssubscribe", whatever its case; empty
// for other commands. The text is static.
std::string_view confirmation_of(std::string_view command);
// The kind of a push: of a message or of a confirmation; empty for what is no push. Part of `value`.
std::string_view kind_of_push(const Value& value);

// Of text from the network, for a log or an error: printable ASCII, and at most 200 bytes.
std::string printable(std::string_view text);

}  // namespace chat::redis
