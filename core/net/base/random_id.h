// Unguessable ids. Knowing such an id grants access to the object that it identifies.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace chat::net {

// Returns 120 random bits as 20 characters of URL-safe base64. Throws when the system provides no random bytes.
std::string random_id();
// Whether the text has the form of such an id.
bool is_random_id(std::string_view text);

// Fills at most 256 bytes with random ones of the system. Throws as above.
void fill_random(std::span<std::byte> bytes);

}  // namespace chat::net
