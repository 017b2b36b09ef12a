// Base64 as RFC 4648 section 4 has it: how attachments travel in protocols that are text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chat::wire {

// What encoders in use produce: RFC 4648 sections 4 and 5 (both alphabets), with or without padding, wrapped or followed by
// line ends. nullopt: other characters, padding that is wrong or not at the end, a part of a byte, stray bits.
std::optional<std::string> base64_decode(std::string_view text);

// As Node's Buffer.from(text, "base64"), which never fails: a character of neither alphabet is skipped, the first "=" ends the
// data, and a part of a byte is dropped. For protocols whose reference implementation decodes like this.
std::string base64_decode_lenient(std::string_view text);

void append_base64(std::string& out, std::string_view bytes);

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

}  // namespace chat::wire
