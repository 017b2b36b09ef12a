// Digests, by OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace chat::wire {

std::array<char, 20> sha1(std::string_view bytes);

// HMAC (RFC 2104) with SHA-256.
std::array<char, 32> hmac_sha256(std::string_view key, std::string_view text);
// Takes the same time for all texts of one size, so it tells nobody how much of a code was right.
bool same_bytes(std::string_view one, std::string_view other);

// A strong ETag for these bytes, part of their SHA-256.
std::string content_tag(std::string_view bytes);

}  // namespace chat::wire
