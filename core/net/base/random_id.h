// Ids that cannot be guessed, for what whoever knows the id may use.
#pragma once

#include <string>

namespace chat::net {

// 120 bits in 20 characters of URL-safe base64. Throws when the system has no randomness.
std::string random_id();

}  // namespace chat::net
