// Base64 as RFC 4648 section 4 has it: how attachments travel in protocols that are text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chat::wire {

// Strict: padding is required, and white space, foreign characters and stray bits in the last
// character are refused.
std::optional<std::string> base64_decode(std::string_view text);

void append_base64(std::string& out, std::string_view bytes);

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

}  // namespace chat::wire
