// Unguessable ids. Knowing such an id grants access to the object that it identifies.
#pragma once

#include <string>

namespace chat::net {

// Returns 120 random bits as 20 characters of URL-safe base64. Throws when the system provides no random bytes.
std::string random_id();

}  // namespace chat::net
