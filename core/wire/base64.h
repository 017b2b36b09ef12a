// Base64 (RFC 4648 section 4), which text protocols use for attachments. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chat::wire {

// Decodes what common encoders produce: both alphabets (RFC 4648 sections 4 and 5), with or without padding, with line
// breaks between or after the lines. Returns nullopt for other characters, wrong or misplaced padding, an incomplete
// byte, or non-zero unused bits.
std::optional<std::string> base64_decode(std::string_view text);

// Decodes like Node's Buffer.from(text, "base64"), which never fails: it skips characters outside both alphabets, stops
// at the first "=", and drops an incomplete byte. For protocols whose reference implementation decodes this way.
std::string base64_decode_lenient(std::string_view text);

// Appends the encoded bytes with padding, in the standard alphabet.
void append_base64(std::string& out, std::string_view bytes);

// The size of the encoded form of this many bytes.
constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

}  // namespace chat::wire
